"""A net with the transform that its images need: what turns an image into a feature."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from resight.data.transforms import EvalTransform


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """Two features of one space can be compared.

    name: for messages and files. net: normalised images (B, 3, H, W) to features (B, D); in evaluation mode, on the
    device where it computes. transform: of the images. fingerprint: of the weights, see `weights_fingerprint`.
    """

    name: str
    net: Callable[[Tensor], Tensor]
    transform: EvalTransform
    fingerprint: str

    def about(self) -> dict[str, Any]:
        """What its features depend on, as plain values."""
        return {"name": self.name, "weights": self.fingerprint, "transform": self.transform.to_json()}


def weights_fingerprint(net: nn.Module) -> str:
    """The same for equal weights, whatever file they came from: 32 hexadecimal digits."""
    digest = hashlib.blake2b(digest_size=16)
    for name, value in sorted(net.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
