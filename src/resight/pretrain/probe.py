"""How good is the backbone by now? Nearest neighbours and mAP on labelled images, while it pre-trains."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resight.data.dataset import CropDataset, Vocabulary, eval_loader
from resight.data.manifest import Manifest
from resight.data.transforms import EvalTransform
from resight.errors import DataError
from resight.evaluation import evaluate
from resight.pretrain.method import PretrainTask


class Probe:
    """Numbers for the row of an epoch, for `Hooks.evaluate`; nothing is trained.

    `knn_accuracy`: share of the labelled images whose identity the nearest others name. `probe_map`: mAP of the query
    rows among the gallery rows, where the manifest has both.

    Args:
        task: whose `backbone` is judged: DINO's teacher, the trained net of the others.
        manifest: a few thousand labelled images; rows without identity are left out of `knn_accuracy`.
        transform: evaluation transform of the pool's size, mean and std.
        neighbors: that have a vote.
        temperature: a vote weighs exp(cosine / temperature).
        batch_size: images at a time.
        workers: processes that read them.

    Raises:
        DataError: if no identity has two images.

    Source: the weighted vote of Wu et al. 2018, arXiv:1805.01978, as DINO uses it (20 neighbours, 0.07).
    """

    def __init__(
        self,
        task: PretrainTask,
        manifest: Manifest,
        transform: EvalTransform,
        *,
        neighbors: int = 20,
        temperature: float = 0.07,
        batch_size: int = 64,
        workers: int = 0,
    ) -> None:
        self.task = task
        self.dataset = CropDataset(manifest, transform, Vocabulary(tuple(manifest.identities())))
        self.labels = torch.as_tensor(self.dataset.labels)
        if not (self.labels[self.labels >= 0].bincount() > 1).any():
            raise DataError("the probe compares images of one identity; give it a manifest with two or more of some")
        self.neighbors = neighbors
        self.temperature = temperature
        self.batch_size = batch_size
        self.workers = workers

    def __call__(self, model: nn.Module) -> Mapping[str, float]:
        """The numbers of the task's backbone now; `model` (what trains) is not read."""
        features = self._features()
        is_known = self.labels >= 0
        known = features[is_known]
        accuracy = knn_accuracy(known, self.labels[is_known], neighbors=self.neighbors, temperature=self.temperature)
        numbers = {"knn_accuracy": accuracy}
        splits = self.dataset.manifest.column("split")
        query, gallery = ((splits == name).nonzero()[0] for name in ("query", "gallery"))
        if len(query) and len(gallery):
            manifest = self.dataset.manifest
            report = evaluate(features[query], manifest.select(query), features[gallery], manifest.select(gallery))
            numbers["probe_map"] = report.mean_ap
        return numbers

    @torch.inference_mode()
    def _features(self) -> Tensor:
        """(N, D) of unit length, on the CPU."""
        backbone = self.task.backbone
        device = next(backbone.parameters()).device
        loader = eval_loader(self.dataset, batch_size=self.batch_size, workers=self.workers)
        with _evaluating(backbone):
            parts = [F.normalize(backbone(batch.images.to(device)).float(), dim=1).cpu() for batch in loader]
        return torch.cat(parts)


@contextmanager
def _evaluating(net: nn.Module) -> Iterator[None]:
    """Evaluation mode, and back to what every part was in."""
    modes = {module: module.training for module in net.modules()}
    net.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def knn_accuracy(
    features: Tensor, labels: Tensor, *, neighbors: int = 20, temperature: float = 0.07, chunk: int = 1024
) -> float:
    """Share of rows, 0..1, whose label wins the weighted vote of its nearest other rows.

    Args:
        features: (N, D) of unit length.
        labels: (N,) int, 0..C-1.
        neighbors: that have a vote; fewer where there are fewer.
        temperature: a vote weighs exp(cosine / temperature).
        chunk: rows at a time; bounds the memory.
    """
    count = min(neighbors, len(features) - 1)
    classes = int(labels.max()) + 1
    right = 0
    for start in range(0, len(features), chunk):
        rows = features[start : start + chunk]
        similarity = rows @ features.t()
        similarity[torch.arange(len(rows)), torch.arange(start, start + len(rows))] = -2.0  # not itself
        values, places = similarity.topk(count, dim=1)
        votes = torch.zeros(len(rows), classes).scatter_add_(1, labels[places], (values / temperature).exp())
        right += int((votes.argmax(1) == labels[start : start + chunk]).sum())
    return right / len(features)
