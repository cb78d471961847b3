"""Side-information embedding (SIE): one learned vector per camera, viewpoint, or pair of both."""

import torch
from torch import Tensor, nn


class SideInformation(nn.Module):
    """A vector per image, to be added to each of its tokens: coefficient * table[camera, view].

    An **unknown** camera or view (index -1) takes the mean of the table over that axis: what the network expects on
    average. So a camera that training never saw neither fails nor passes for camera 0.

    Args:
        num_cameras: cameras seen in training; 0 leaves cameras out.
        num_views: viewpoints seen in training; 0 leaves views out.
        dim: width D of the tokens.
        coefficient: the paper's lambda; every released configuration has 3.0.

    Raises:
        ValueError: if both counts are 0, or one is negative.

    Source: He et al. 2021, arXiv:2102.04378, section 3.3. The table is (num_cameras * num_views, 1, D), camera-major,
    as in the released checkpoints (`sie_embed`). The rule for unknown values is ours.
    """

    def __init__(self, num_cameras: int, num_views: int, dim: int, coefficient: float = 3.0) -> None:
        super().__init__()
        if min(num_cameras, num_views) < 0 or max(num_cameras, num_views) == 0:
            raise ValueError(
                f"side information needs at least one camera or view, got num_cameras={num_cameras}, "
                f"num_views={num_views}; build the model without it instead"
            )
        self.num_cameras = num_cameras
        self.num_views = num_views
        self.coefficient = coefficient
        self.table = nn.Parameter(torch.empty(max(num_cameras, 1) * max(num_views, 1), 1, dim))
        nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, batch: int, camera: Tensor | None = None, view: Tensor | None = None) -> Tensor:
        """The embedding of each image.

        Args:
            batch: number of images B.
            camera: (B,) int, 0-based; negative is unknown. None: all unknown. Not read without cameras.
            view: (B,) int, likewise.

        Returns:
            (B, 1, D).

        Raises:
            ValueError: if an index has another shape.
            IndexError: if an index is beyond the table (on an accelerator: an assertion of the device).
        """
        table = self.table.view(max(self.num_cameras, 1), max(self.num_views, 1), -1)  # (C, V, D)
        # Row and column 0 hold the means, so that unknown is 0 and an index beyond the table finds nothing.
        table = torch.cat([table.mean(0, keepdim=True), table], dim=0)
        table = torch.cat([table.mean(1, keepdim=True), table], dim=1)  # (1 + C, 1 + V, D)
        row = self._index("camera", camera, self.num_cameras, batch)
        column = self._index("view", view, self.num_views, batch)
        return self.coefficient * table[row, column].unsqueeze(1)

    def _index(self, name: str, index: Tensor | None, count: int, batch: int) -> Tensor:
        """(B,) int64: 0 for unknown, else one more than the index."""
        if index is None or count == 0:
            # Without that axis the table has one row for it, which is its own mean.
            return torch.zeros(batch, dtype=torch.long, device=self.table.device)
        if tuple(index.shape) != (batch,):
            raise ValueError(f"{name} must have one index per image, shape ({batch},), not {tuple(index.shape)}")
        return index.to(self.table.device, torch.long).clamp(min=-1) + 1
