"""Views per second of the multi-crop augmentation, against the plain torchvision pipeline, on one core.

    python benchmarks/views.py --output benchmarks/results/views_2cores_202611.md

Both make the 2 global (256x128) and 8 local (96x64) views of DINO of the same decoded images, by turns in one process.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from page import heading, publish
from PIL import Image, ImageFilter, ImageOps
from torchvision import transforms as T

from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from resight.pretrain.views import dino_views

GLOBAL, LOCAL = (256, 128), (96, 64)


class Blur:
    def __init__(self, chance: float) -> None:
        self.chance = chance

    def __call__(self, image: Image.Image) -> Image.Image:
        if random.random() > self.chance:
            return image
        return image.filter(ImageFilter.GaussianBlur(radius=random.uniform(0.1, 2.0)))


class Solarize:
    def __init__(self, chance: float) -> None:
        self.chance = chance

    def __call__(self, image: Image.Image) -> Image.Image:
        return ImageOps.solarize(image) if random.random() < self.chance else image


def plain(
    size: tuple[int, int], area: tuple[float, float], blur: float, solarize: float
) -> Callable[..., torch.Tensor]:
    """torchvision's transforms one after the other, on Pillow images, as DINO's code has them."""
    return T.Compose(
        [
            T.RandomResizedCrop(size, scale=area, interpolation=T.InterpolationMode.BICUBIC),
            T.RandomHorizontalFlip(0.5),
            T.RandomApply([T.ColorJitter(0.4, 0.4, 0.2, 0.1)], p=0.8),
            T.RandomGrayscale(0.2),
            Blur(blur),
            Solarize(solarize),
            T.ToTensor(),
            T.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    images = [Image.fromarray(noise_person(rng, height)) for height in rng.integers(96, 384, options.images)]
    theirs = [plain(GLOBAL, (0.4, 1.0), 1.0, 0.0), plain(GLOBAL, (0.4, 1.0), 0.1, 0.2)]
    theirs += [plain(LOCAL, (0.05, 0.4), 0.5, 0.0)] * 8
    ours = dino_views(GLOBAL, LOCAL)

    def literal() -> None:
        for image in images:
            for transform in theirs:
                transform(image)

    def fused(first: int) -> None:
        for number, image in enumerate(images):
            ours(np.asarray(image), first + number)

    literal()
    fused(0)
    ratios, rates = [], []
    for number in range(options.rounds):
        times = []
        for work in (literal, lambda: fused(1000 * number)):  # noqa: B023
            start = time.process_time()
            work()
            times.append(time.process_time() - start)
        ratios.append(times[0] / times[1])
        rates.append([10 * options.images / seconds for seconds in times])
    medians = [statistics.median(rate) for rate in zip(*rates, strict=True)]
    lines = heading(
        "Views of DINO",
        f"python benchmarks/views.py --rounds {options.rounds} --images {options.images}",
        f"2 x 256x128 and 8 x 96x64 of each of {options.images} images, 96 to 384 pixels high; one thread, processor's "
        f"time, {options.rounds} rounds by turns in one process; medians. Decoding is not counted.",
    )
    lines += [
        "| | views/s per core | |",
        "|---|---:|---:|",
        f"| torchvision on Pillow images | {medians[0]:.0f} | 1.00 |",
        f"| ours | {medians[1]:.0f} | {statistics.median(ratios):.2f} ({min(ratios):.2f} .. {max(ratios):.2f}) |",
    ]
    publish(lines, options.output)


def noise_person(rng: np.random.Generator, height: int) -> np.ndarray:
    """A smooth coloured image, half as wide as high."""
    small = rng.integers(0, 256, (8, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((int(height) // 2, int(height)), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
