"""Training images per second of one core, from JPEG file to batch, beside the literal PIL + torchvision pipeline.

python benchmarks/loader.py --output benchmarks/results/loader_HARDWARE_YYYYMM.md

Times are CPU times of one thread. Without --images, people are rendered in three sizes.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from page import heading, publish
from PIL import Image
from rounds import interleaved, peak_memory, report_memory, speed_up
from timm.data.random_erasing import RandomErasing
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from resight.data.crop_cache import open_crop_cache
from resight.data.dataset import CropDataset, SeededBatches, Vocabulary, eval_loader, train_loader
from resight.data.decode import Decoder, open_pixels
from resight.data.manifest import Manifest
from resight.data.synthetic import write_market1501_layout
from resight.data.transforms import EvalTransform, TrainTransform, resize

SIZE = (256, 128)
BATCH = 64
RENDERED = ((128, 64), (137, 93), (320, 120))  # height, width in pixels
HALF = (0.5, 0.5, 0.5)
LITERAL = "PIL + torchvision v1 (literal)"
OURS = ("decoder pillow (default)", "decoder turbo", "cache, warm")
EVALUATION = ("evaluation, literal", "evaluation")


class LiteralDataset(Dataset[tuple[Tensor, int]]):
    """What the released code does: PIL, torchvision's transforms on PIL images, timm's random erasing."""

    def __init__(self, files: list[Path], *, trains: bool) -> None:
        self.files = files
        normal = [transforms.ToTensor(), transforms.Normalize(HALF, HALF)]
        if trains:
            self.transform = transforms.Compose(
                [
                    transforms.Resize(SIZE, interpolation=transforms.InterpolationMode.BICUBIC),
                    transforms.RandomHorizontalFlip(0.5),
                    transforms.Pad(10),
                    transforms.RandomCrop(SIZE),
                    *normal,
                    RandomErasing(probability=0.5, mode="pixel", max_count=1, device="cpu"),
                ]
            )
        else:
            self.transform = transforms.Compose([transforms.Resize(SIZE), *normal])

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        return self.transform(Image.open(self.files[row]).convert("RGB")), row


def variants(files: list[Path], cache_folder: Path) -> dict[str, Callable[[], None]]:
    """Each loads all files once, in batches."""
    manifest = Manifest.from_columns(
        {"image": [str(file.resolve()) for file in files], "pid": ["1"] * len(files)}, root=Path("/")
    )
    plan = [list(range(start, min(start + BATCH, len(files)))) for start in range(0, len(files), BATCH)]
    transform = TrainTransform(SIZE)
    cache = open_crop_cache(manifest, transform, "pillow", limit=2**34, folder=cache_folder)

    def literal(trains: bool) -> None:
        for _ in DataLoader(LiteralDataset(files, trains=trains), batch_size=BATCH):
            pass

    def ours(decoder: Decoder = "pillow", **settings: object) -> None:
        dataset = CropDataset(manifest, transform, Vocabulary(("1",)), decoder=decoder, **settings)
        for _ in train_loader(dataset, SeededBatches(plan, seed=0, epoch=0)):
            pass

    def ours_for_evaluation() -> None:
        for _ in eval_loader(CropDataset(manifest, EvalTransform(SIZE), Vocabulary()), batch_size=BATCH):
            pass

    works = (lambda: literal(True), ours, lambda: ours("turbo"), lambda: ours(cache=cache))
    evaluation = (lambda: literal(False), ours_for_evaluation)
    return dict(zip((LITERAL, *OURS, *EVALUATION), (*works, *evaluation), strict=True))


def largest_difference(files: list[Path], decoder: Decoder) -> int:
    """Grey levels between our crops and Pillow's, the largest of all pixels, bicubic and bilinear."""
    largest = 0
    for file in files:
        image = Image.open(file).convert("RGB")
        for name in ("bicubic", "bilinear"):
            theirs = np.asarray(image.resize(SIZE[::-1], Image.Resampling[name.upper()])).transpose(2, 0, 1)
            ours = resize(open_pixels(file, decoder=decoder), SIZE, name).numpy()
            largest = max(largest, int(np.abs(ours.astype(int) - theirs.astype(int)).max()))
    return largest


def rendered(folder: Path, size: tuple[int, int], count: int) -> list[Path]:
    write_market1501_layout(folder, train_ids=-(-count // 12), test_ids=2, image_size=size)
    return sorted(folder.rglob("*.jpg"))[:count]


def table(title: str, files: list[Path], cache_folder: Path, rounds: int) -> list[str]:
    works = variants(files, cache_folder)
    seconds = interleaved(works, rounds, clock=time.process_time)
    lines = [f"## {title}: {len(files)} files", "", "| pipeline | images/s | times the literal one |", "|---|---:|---|"]
    for name, times in seconds.items():
        reference = seconds[EVALUATION[0] if name in EVALUATION else LITERAL]
        lines.append(f"| {name} | {len(files) / np.median(times):.0f} | {speed_up(times, reference)} |")
    levels = {decoder: largest_difference(files, decoder) for decoder in ("pillow", "turbo")}
    differences = ", ".join(f"{decoder} {level}" for decoder, level in levels.items())
    return [*lines, "", f"Largest difference from Pillow's pixels, in grey levels of 255: {differences}.", ""]


def memory_table(folder: Path) -> list[str]:
    lines = ["## Peak memory", "", "A fresh process for each, 1000 rendered files of 128x64 pixels loaded once.", ""]
    lines += ["| pipeline | peak RSS, GiB | over imports, GiB |", "|---|---:|---:|"]
    variants(sorted(folder.rglob("*.jpg")), folder.parent / "cache")[OURS[-1]]()  # fills the cache
    for name in (LITERAL, *OURS):
        peak, over = peak_memory(__file__, "--only", name, "--images", str(folder))
        lines.append(f"| {name} | {peak:.2f} | {over:.2f} |")
    return [*lines, "", "The pages of the mapped cache count as memory of each process, though all share them.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--images", type=Path, help="folder of JPEG files to use instead of rendered people")
    parser.add_argument("--count", type=int, default=512, help="files of each size")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", help="load with this pipeline alone and print the memory it took")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if arguments.only:
            files = sorted(arguments.images.rglob("*.jpg"))
            report_memory(variants(files, arguments.images.parent / "cache")[arguments.only])
            return
        lines = heading(
            "Loading training images: one core",
            "python benchmarks/loader.py",
            f"{SIZE[0]}x{SIZE[1]} pixels, batches of {BATCH}, flip, pad 10, crop, normalise, erase with noise. CPU "
            f"time of one thread, interleaved, median of {arguments.rounds} rounds and their range.",
        )
        if arguments.images:
            files = sorted(arguments.images.rglob("*.jpg"))[: arguments.count]
            lines += table(arguments.images.name, files, folder / "cache", arguments.rounds)
        else:
            for size in RENDERED:
                files = rendered(folder / f"{size}", size, arguments.count)
                lines += table(f"People of {size[0]}x{size[1]} pixels", files, folder / "cache", arguments.rounds)
            many = folder / "many"
            rendered(many, RENDERED[0], 1000)
            lines += memory_table(many)
        publish(lines, arguments.output)


if __name__ == "__main__":
    main()
