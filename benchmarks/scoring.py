"""A scoring pass beside two plain forwards of the proxies on the same batch: what all the rest costs.

python benchmarks/scoring.py --output benchmarks/results/scoring_HARDWARE_YYYYMM.md
"""

import argparse
import itertools
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from page import heading, publish
from rounds import interleaved
from shards import jpegs

from resight.data.manifest import Manifest
from resight.data.pool import Pool, open_pool
from resight.data.shards.pack import pack
from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform
from resight.filtering.codes import CodeWriter
from resight.filtering.feature_space import FeatureSpace
from resight.filtering.layout import CODES
from resight.filtering.loading import PoolReader, pool_loader
from resight.filtering.nearest import NearestTarget
from resight.filtering.quality import ImageQuality
from resight.filtering.score import ForgettingScorer
from resight.filtering.scorer import ScoreBatch
from resight.filtering.scoring import PassSettings, score_pool
from resight.pretrain.backbone import BackboneSettings, create_backbone

NETS = {
    "ViT-S/16, 256x128": BackboneSettings("vit_small", (256, 128)),
    "ViT 192x6 patch 8, 128x64": BackboneSettings("vit_micro", (128, 64), patch_size=8),
}
TARGETS = 500  # images of the target that each image is compared with
TYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


def write_pool(folder: Path, count: int) -> Pool:
    """256x128 JPEGs of some 12 kB, packed."""
    files, encoded = folder / "files", jpegs()
    files.mkdir()
    names = [f"{number:06d}.jpg" for number in range(count)]
    for number, name in enumerate(names):
        (files / name).write_bytes(encoded[number % len(encoded)])
    pack(Manifest.from_columns({"image": names}, files), folder / "shards")
    return open_pool(folder / "shards")


def proxies(settings: BackboneSettings, device: torch.device) -> list[FeatureSpace]:
    transform = EvalTransform(settings.image_size, IMAGENET_MEAN, IMAGENET_STD)
    nets = [create_backbone(settings).to(device).eval() for _ in range(2)]
    return [FeatureSpace(name, net, transform, name) for name, net in zip(("source", "target"), nets, strict=True)]


class Comparison:
    """The same images through both proxies: as a pass from the pool to a file of scores, and as forwards alone."""

    def __init__(self, pool: Pool, spaces: list[FeatureSpace], settings: PassSettings, folder: Path) -> None:
        self.pool = pool
        self.spaces = spaces
        self.settings = settings
        self.folder = folder
        self.numbers = itertools.count()
        rows = list(range(settings.batch_size))
        size = spaces[0].transform
        reader = PoolReader(pool, [(size.image_size, size.interpolation)], {}, settings.decoder)
        loaded = reader.__getitems__(rows)
        pixels = {kind: images.to(settings.device) for kind, images in loaded.pixels.items()}
        self.images = ScoreBatch(np.array(rows), pixels, {}).images(size)
        with torch.inference_mode():
            width = spaces[0].net(self.images[:1]).shape[1]
        drawn = torch.randn(TARGETS, width, generator=torch.Generator().manual_seed(0))
        self.targets = F.normalize(drawn, dim=1).to(settings.device)

    @torch.inference_mode()
    def forwards(self) -> None:
        """Two forwards of a normalised batch that is there already, as often as the pass has batches."""
        device, autocast = self.settings.device, self.settings.autocast
        for _ in range(len(self.pool) // self.settings.batch_size):
            with torch.autocast(device.type, autocast, enabled=autocast is not None):
                for space in self.spaces:
                    space.net(self.images)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def scoring(self) -> None:
        """The pass, from its start to the merged file, with all that `resight filter --target` asks of an image."""
        folder = self.folder / f"{next(self.numbers)}"
        folder.mkdir()
        source, *others = self.spaces
        codes = CodeWriter(source, folder / CODES, len(self.pool))
        scorers = [ForgettingScorer(source, others), ImageQuality(), NearestTarget(source, self.targets), codes]
        score_pool(self.pool, scorers, folder, settings=self.settings)
        codes.close()
        shutil.rmtree(folder)

    def decoding(self) -> float:
        """Images per second of the loader alone."""
        size, count = self.spaces[0].transform, self.settings.batch_size
        measures = ImageQuality().measures
        reader = PoolReader(self.pool, [(size.image_size, size.interpolation)], measures, self.settings.decoder)
        batches = [list(range(start, start + count)) for start in range(0, len(self.pool) - count + 1, count)]
        start = time.perf_counter()
        for _ in pool_loader(reader, batches, workers=self.settings.workers):
            pass
        return len(batches) * count / (time.perf_counter() - start)


def line(name: str, compared: Comparison, rounds: int) -> str:
    seconds = interleaved({"forwards": compared.forwards, "pass": compared.scoring}, rounds)
    ratios = np.array(seconds["pass"]) / np.array(seconds["forwards"])
    count = len(compared.pool)
    rates = [count / float(np.median(seconds[work])) for work in ("forwards", "pass")]
    decoded = compared.decoding()
    bound = "arithmetic" if decoded > rates[0] else "decoding"
    ratio = f"**{np.median(ratios):.3f}** ({ratios.min():.3f} to {ratios.max():.3f})"
    return f"| {name} | {count:,} | {rates[0]:,.1f} | {rates[1]:,.1f} | {ratio} | {decoded:,.0f} | {bound} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs=2, default=(192, 3072), help="of the pass, for each net")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--decoder", choices=("pillow", "turbo"), default="turbo")
    parser.add_argument("--precision", choices=TYPES, default="fp32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    settings = PassSettings(
        batch_size=arguments.batch_size,
        workers=arguments.workers,
        decoder=arguments.decoder,
        device=device,
        autocast=TYPES[arguments.precision],
    )
    lines = heading(
        "A scoring pass beside two plain forwards",
        "python benchmarks/scoring.py",
        f"JPEGs of 256x128 in tar shards; batches of {settings.batch_size}, {arguments.precision}, decoder "
        f"{settings.decoder}, {settings.workers} worker(s), {os.cpu_count()} cores, {arguments.rounds} rounds in turn. "
        "The pass is what `resight filter --target` runs once proxies are there: start of the loader, both proxies, "
        f"CFS, quality, the nearest of {TARGETS} target images (whose features, drawn at random, are there already), "
        "codes for near duplicates, blocks, joined file. Two plain forwards: the proxies alone, of a batch that is "
        "decoded, normalised and in place. Ratio: time of the pass over theirs.",
    )
    lines += [
        "| proxies | images | forwards, images/s | pass, images/s | ratio (goal: at most 1.1) | loader alone, images/s "
        "| bound |",
        "|---|---:|---:|---:|---:|---:|---|",
    ]
    for (name, net), count in zip(NETS.items(), arguments.images, strict=True):
        with tempfile.TemporaryDirectory() as folder:
            pool = write_pool(Path(folder), count)
            lines.append(line(name, Comparison(pool, proxies(net, device), settings, Path(folder)), arguments.rounds))
    publish(lines, arguments.output)


if __name__ == "__main__":
    main()
