"""Pools with known junk and the targets that they are to suit, for `filtering.py`."""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resight.data.convert.image_folder import image_folder
from resight.data.convert.market1501 import market1501
from resight.data.convert.vehicle_reid import vehicle_reid
from resight.data.manifest import Manifest

JUNK_SHARE = 0.4


@dataclass(frozen=True)
class Case:
    """A pool with known junk, its target, and how a net is pre-trained and tuned for it.

    name: of its folders. pool, target, labelled: manifests; the pool's has image paths alone. junk: (N,) the truth.
    kinds: (N,) of junk; empty for a good image. size: settings of the proxies' and the net's input. tuning: words for
    `train`.
    """

    name: str
    pool: Path
    target: Path
    labelled: Path
    junk: npt.NDArray[np.bool_]
    kinds: npt.NDArray[np.str_]
    size: tuple[str, ...]
    tuning: tuple[str, ...]


def call(*words: object) -> None:
    """A command of resight, on one thread."""
    command = [sys.executable, "-m", "resight.cli.main", *map(str, words)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)


def people(seed: int, arguments: argparse.Namespace) -> Case:
    """Rendered people: the pool and the target share no person."""
    folder: Path = arguments.runs / f"people_{seed}"
    call("data", "synth", folder / "crops", "--pool", arguments.images, "--junk-share", JUNK_SHARE, "--seed", seed)
    call("data", "synth", folder / "people", "--train-ids", arguments.identities, "--seed", 1000 + seed)
    truth = Manifest.read(folder / "crops" / "manifest.parquet")
    labelled = market1501(folder / "people")
    write_images(truth, folder / "pool.parquet")
    write_images(labelled.split("train"), folder / "target.parquet")
    labelled.write(folder / "labelled.parquet")
    kinds = truth.column("junk_kind")
    return Case(
        name=f"people_{seed}",
        pool=folder / "pool.parquet",
        target=folder / "target.parquet",
        labelled=folder / "labelled.parquet",
        junk=np.array([kind is not None for kind in kinds]),
        kinds=np.array([kind or "" for kind in kinds]),
        size=("views.size=[128, 64]",),
        tuning=("demo_baseline", "train.epochs=16", "model.stride=null", "data.format=null"),
    )


def vehicles(seed: int, arguments: argparse.Namespace) -> Case:
    """Real vehicle crops and rendered people: what is no vehicle is junk."""
    if arguments.data is None:
        raise SystemExit("--part vehicles needs --data, the folder of the vehicle crops")
    folder: Path = arguments.runs / f"vehicles_{seed}"
    everything = vehicle_reid(arguments.data)
    train = everything.split("train")
    identities = np.random.default_rng(seed).permutation(sorted(set(train.column("pid"))))
    is_target = np.isin(train.column("pid").astype(str), identities[: len(identities) // 4])
    good = train.select(~is_target)
    count = round(len(good) * JUNK_SHARE / (1 - JUNK_SHARE))
    call("data", "synth", folder / "crops", "--pool", count, "--junk-share", 0, "--seed", seed)
    pool = Manifest.concat([good, image_folder(folder / "crops")])
    write_images(pool, folder / "pool.parquet")
    write_images(train.select(is_target), folder / "target.parquet")
    test = everything.select(everything.column("split") != "train")
    Manifest.concat([train.select(is_target), test]).write(folder / "labelled.parquet")
    junk = np.arange(len(pool)) >= len(good)
    return Case(
        name=f"vehicles_{seed}",
        pool=folder / "pool.parquet",
        target=folder / "target.parquet",
        labelled=folder / "labelled.parquet",
        junk=junk,
        kinds=np.where(junk, "a person", ""),
        size=("views.size=[96, 96]",),
        tuning=(
            *("vehicle", "train.epochs=40", "model.name=vit_nano", "model.image_size=[96, 96]"),
            *("model.stride=null", "data.format=null"),
        ),
    )


def write_images(manifest: Manifest, path: Path) -> None:
    """The images alone: no label, no word of junk."""
    Manifest.from_columns({"image": manifest.table.column("image")}, manifest.root).write(path)
