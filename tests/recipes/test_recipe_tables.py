"""Every released configuration against the papers' tables, written down here once more.

A line is one configuration; `-` means none. Columns of TransReID: recipe, network, data format, image size, stride,
SIE (c camera, cv camera and view), shift of the JPM, base rate, global batch, processes, probability of erasing.
"""

from collections import Counter
from typing import Any

import pytest

from resight.data.convert import CONVERTERS
from resight.data.dataset import Vocabulary
from resight.models import create_model
from resight.recipes import RECIPES, TrainRecipe, build
from resight.recipes.bot import BOT as BOT_ROWS
from resight.recipes.transreid import TRANSREID as TRANSREID_ROWS
from resight.recipes.transreid_ssl import TRANSREID_SSL as TRANSREID_SSL_ROWS
from resight.train.schedules import schedule_time
from tests.models.tiny import weightless

TRANSREID = """
market1501_baseline                  vit_base   market1501    256x128 16 -  - 0.008 64  1 0.5
market1501_sie                       vit_base   market1501    256x128 16 c  - 0.008 64  1 0.5
market1501_jpm                       vit_base   market1501    256x128 16 -  5 0.008 64  1 0.5
market1501_transreid                 vit_base   market1501    256x128 16 c  5 0.008 64  1 0.5
market1501_transreid_stride          vit_base   market1501    256x128 12 c  5 0.008 64  1 0.5
market1501_transreid_384             vit_base   market1501    384x128 16 c  5 0.008 64  1 0.5
market1501_transreid_stride_384      vit_base   market1501    384x128 12 c  5 0.008 64  1 0.5
market1501_deit_transreid_stride     deit_base  market1501    256x128 12 c  5 0.008 64  1 0.8
dukemtmc_baseline                    vit_base   dukemtmc      256x128 16 -  - 0.008 64  1 0.5
dukemtmc_sie                         vit_base   dukemtmc      256x128 16 c  - 0.008 64  1 0.5
dukemtmc_jpm                         vit_base   dukemtmc      256x128 16 -  5 0.008 64  1 0.5
dukemtmc_transreid                   vit_base   dukemtmc      256x128 16 c  5 0.008 64  1 0.5
dukemtmc_transreid_stride            vit_base   dukemtmc      256x128 12 c  5 0.008 64  1 0.5
dukemtmc_transreid_384               vit_base   dukemtmc      384x128 16 c  5 0.008 64  1 0.5
dukemtmc_transreid_stride_384        vit_base   dukemtmc      384x128 12 c  5 0.008 64  1 0.5
dukemtmc_deit_transreid_stride       deit_base  dukemtmc      256x128 12 c  5 0.008 64  1 0.8
msmt17_baseline                      vit_base   msmt17        256x128 16 -  - 0.008 64  1 0.5
msmt17_sie                           vit_base   msmt17        256x128 16 c  - 0.008 64  1 0.5
msmt17_jpm                           vit_base   msmt17        256x128 16 -  5 0.008 64  1 0.5
msmt17_transreid                     vit_base   msmt17        256x128 16 c  5 0.008 64  1 0.5
msmt17_transreid_stride              vit_base   msmt17        256x128 12 c  5 0.008 64  1 0.5
msmt17_transreid_384                 vit_base   msmt17        384x128 16 c  5 0.008 64  1 0.5
msmt17_transreid_stride_384          vit_base   msmt17        384x128 12 c  5 0.008 64  1 0.5
msmt17_deit_transreid_stride         deit_base  msmt17        256x128 12 c  5 0.005 64  1 0.8
msmt17_vit_small           vit_small_transreid  msmt17        256x128 16 -  - 0.005 64  1 0.8
msmt17_deit_small                    deit_small msmt17        256x128 16 -  - 0.005 64  1 0.8
occluded_duke_baseline               vit_base   occluded_duke 256x128 16 -  - 0.008 64  1 0.5
occluded_duke_sie                    vit_base   occluded_duke 256x128 16 c  - 0.008 64  1 0.5
occluded_duke_jpm                    vit_base   occluded_duke 256x128 16 -  5 0.008 64  1 0.5
occluded_duke_transreid              vit_base   occluded_duke 256x128 16 c  5 0.008 64  1 0.5
occluded_duke_transreid_stride       vit_base   occluded_duke 256x128 11 c  5 0.008 64  1 0.5
occluded_duke_deit_transreid_stride  deit_base  occluded_duke 256x128 11 c  5 0.008 64  1 0.8
veri776_baseline                     vit_base   veri776       256x256 16 -  - 0.008 64  1 0.5
veri776_transreid                    vit_base   veri776       256x256 16 cv 8 0.01  64  1 0.5
veri776_transreid_stride             vit_base   veri776       256x256 12 cv 8 0.01  64  1 0.5
veri776_deit_transreid               deit_base  veri776       256x256 16 cv 8 0.01  64  1 0.8
veri776_deit_transreid_stride        deit_base  veri776       256x256 12 cv 8 0.01  64  1 0.8
vehicleid_baseline                   vit_base   vehicleid     256x256 16 -  - 0.04  224 4 0.5
vehicleid_transreid                  vit_base   vehicleid     256x256 16 -  8 0.045 224 4 0.5
vehicleid_transreid_stride           vit_base   vehicleid     256x256 12 -  8 0.045 256 4 0.5
vehicleid_deit_transreid             deit_base  vehicleid     256x256 16 -  8 0.03  256 4 0.8
vehicleid_deit_transreid_stride      deit_base  vehicleid     256x256 12 -  8 0.03  256 4 0.8
"""

# Recipe, network, file that it starts from, image size, base rate, warm-up, global batch, processes.
SSL = """
ssl_vit_small           vit_small      vit_small_cfs_lup     256x128 0.0004 20 64  1
ssl_vit_small_ics       vit_small_ics  vit_small_ics_cfs_lup 256x128 0.0004 20 64  1
ssl_vit_small_ics_ddp   vit_small_ics  vit_small_ics_cfs_lup 256x128 0.0032 20 256 4
ssl_vit_base_ics_384    vit_base_ics   vit_base_ics_cfs_lup  384x128 0.0004 20 64  1
ssl_vit_base_baseline   vit_base       jx_vit_base_p16_224   256x128 0.008  5  64  1
"""

# Recipe, neck, last stride, warm-up, milestones, erasing, label smoothing, weights of triplet and center loss, sampler.
BOT = """
bot_baseline  none    2 0  40,70 0   0   1 0      pk
bot_softmax   bnneck  1 5  30,55 0.5 0.1 0 0      shuffle
bot           bnneck  1 10 40,70 0.5 0.1 1 0      pk
bot_center    bnneck  1 10 40,70 0.5 0.1 1 0.0005 pk
"""

FILES = {
    "vit_base": "jx_vit_base_p16_224-80ecf9dd.pth",
    "vit_small_transreid": "vit_small_p16_224-15ec54c9.pth",
    "deit_base": "deit_base_distilled_patch16_224-df68dfff.pth",
    "deit_small": "deit_small_distilled_patch16_224-649709d9.pth",
}
HALF = (0.5, 0.5, 0.5)
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


# Identities and cameras of each data set's training part.
SETS = {"market1501": (751, 6), "dukemtmc": (702, 8), "occluded_duke": (702, 8), "msmt17": (1041, 15)}

# Parameters as the papers' classes have them, without the unused ImageNet classifier (769,000 or 385,000), and with JPM
# without the unused last block (7,087,872) and norm (1,536).
PARAMETERS = {
    "market1501_baseline": 87_093_736 - 769_000,
    "market1501_sie": 87_098_344 - 769_000,
    "market1501_jpm": 103_585_768 - 769_000 - 7_087_872 - 1_536,
    "market1501_transreid": 103_590_376 - 769_000 - 7_087_872 - 1_536,
    "dukemtmc_transreid": 103_403_752 - 769_000 - 7_087_872 - 1_536,
    "occluded_duke_sie": 87_062_248 - 769_000,
    "msmt17_transreid": 104_710_888 - 769_000 - 7_087_872 - 1_536,
    "msmt17_vit_small": 48_702_184 - 769_000 + 2 * 768 + 1041 * 768,
    "msmt17_deit_small": 22_024_552 - 385_000 + 2 * 384 + 1041 * 384,
    "market1501_ssl_vit_small": 22_024_552 - 385_000 + 2 * 384 + 751 * 384,
    "market1501_ssl_vit_small_ics": 23_386_024 - 385_000 + 2 * 384 + 751 * 384,
    "market1501_ssl_vit_base_ics_384": 89_204_008 - 769_000 + 2 * 768 + 751 * 768,
    "market1501_bot_baseline": 23_508_032 + 751 * 2048 + 751,
    "market1501_bot": 23_508_032 + 2 * 2048 + 751 * 2048,
}


def lines(table: str) -> list[list[str]]:
    return [line.split() for line in table.strip().splitlines()]


def values(recipe: TrainRecipe) -> dict[str, Any]:
    """Every value by its dotted key."""
    flat = {}
    for section, content in recipe.model_dump().items():
        for key, value in content.items() if isinstance(content, dict) else [("", content)]:
            flat[f"{section}.{key}"] = value
    return flat


def size(text: str) -> tuple[int, ...]:
    return tuple(int(side) for side in text.split("x"))


# What all ViT configurations have in common, TransReID-SSL's included.
COMMON: dict[str, Any] = {
    "model.patch_size": 16,
    "model.side_coefficient": 3.0,
    "model.jigsaw_parts": 4,
    "model.jigsaw_groups": 2,
    "model.jigsaw_rearrange": True,
    "model.drop_path": 0.1,
    "model.dropout": 0.0,
    "model.attention_dropout": 0.0,
    "model.neck": "bnneck",
    "model.neck_feature": "before",
    "model.classifier": "linear",
    "augment.interpolation": "bicubic",
    "augment.flip": 0.5,
    "augment.padding": 10,
    "augment.erase_area": (0.02, 1 / 3),
    "augment.erase_fill": "noise",
    "sampler.images_per_id": 4,
    "loss.identity_weight": 1.0,
    "loss.triplet_weight": 1.0,
    "loss.contrastive_weight": 0.0,
    "loss.center_weight": 0.0,
    "loss.label_smoothing": 0.0,
    "loss.margin": None,
    "loss.normalize_triplet": False,
    "loss.branch_weighting": "code",
    "optimizer.name": "sgd",
    "optimizer.momentum": 0.9,
    "optimizer.weight_decay": 1e-4,
    "optimizer.bias_weight_decay": None,
    "optimizer.bias_lr_factor": 2.0,
    "optimizer.classifier_lr_factor": 1.0,
    "optimizer.decay_vectors": True,
    "schedule.name": "cosine",
    "schedule.warmup_factor": 0.01,
    "schedule.final_factor": 0.002,
    "train.epochs": 120,
    "train.seed": 1234,
    "train.precision": "fp16",
    "train.clip_norm": None,
    "train.accumulation": 1,
    "train.average_decay": None,
    "evaluate.flip": False,
    "evaluate.batch_size": 256,
    "evaluate.metric": "squared_euclidean",
    "evaluate.cross_camera": True,
}


def check(name: str, expected: dict[str, Any]) -> None:
    found = values(RECIPES[name]())
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize("line", lines(TRANSREID), ids=lambda line: line[0])
def test_transreid(line: list[str]) -> None:
    name, network, data, image_size, stride, side, shift, rate, batch, processes, erase = line
    is_vehicle_deit = network == "deit_base" and data in ("veri776", "vehicleid")
    mean, std = IMAGENET if is_vehicle_deit else (HALF, HALF)
    expected = {
        **COMMON,
        "data.format": data,
        "model.name": network,
        "model.image_size": size(image_size),
        "model.stride": None if stride == "16" else int(stride),
        "model.side_information": {"-": "none", "c": "camera", "cv": "both"}[side],
        "model.jigsaw": shift != "-",
        "augment.mean": mean,
        "augment.std": std,
        "augment.erase": float(erase),
        "sampler.ids_per_batch": int(batch) // int(processes) // 4,
        "optimizer.lr": float(rate),
        "schedule.warmup_epochs": 5,
        "schedule.clock": "epoch_end",
    }
    if shift != "-":
        expected["model.jigsaw_shift"] = int(shift)
    check(name, expected)
    assert RECIPES[name].weights == FILES[network]
    if processes != "1":
        assert f"{processes} processes x {int(batch) // int(processes) // 4} x 4" in RECIPES[name]().title


def test_no_configuration_of_transreid_is_missing_or_made_up() -> None:
    assert [recipe.name for recipe in TRANSREID_ROWS] == [line[0] for line in lines(TRANSREID)]
    per_set = Counter(line[2] for line in lines(TRANSREID))
    assert per_set == {
        "market1501": 8, "dukemtmc": 8, "msmt17": 10, "occluded_duke": 6, "veri776": 5, "vehicleid": 5,
    }  # fmt: skip


def test_no_other_configuration_is_missing_or_made_up() -> None:
    assert [recipe.name for recipe in TRANSREID_SSL_ROWS] == [
        f"{data}_{line[0]}" for data in ("market1501", "msmt17") for line in lines(SSL)
    ]
    assert [recipe.name for recipe in BOT_ROWS] == [
        f"{data}_{line[0]}" for data in ("market1501", "dukemtmc") for line in lines(BOT)
    ]


@pytest.mark.parametrize("data", ["market1501", "msmt17"])
@pytest.mark.parametrize("line", lines(SSL), ids=lambda line: line[0])
def test_transreid_ssl(data: str, line: list[str]) -> None:
    name, network, file, image_size, rate, warmup, batch, processes = line
    expected = {
        **COMMON,
        "data.format": data,
        "model.name": network,
        "model.image_size": size(image_size),
        "model.stride": None,
        "model.side_information": "none",
        "model.jigsaw": False,
        "augment.mean": HALF,
        "augment.std": HALF,
        "augment.erase": 0.5,
        "sampler.ids_per_batch": int(batch) // int(processes) // 4,
        "optimizer.lr": float(rate),
        "schedule.warmup_epochs": float(warmup),
        "schedule.clock": "epoch_start",
    }
    check(f"{data}_{name}", expected)
    assert RECIPES[f"{data}_{name}"].weights.startswith(file)


@pytest.mark.parametrize("data", ["market1501", "dukemtmc"])
@pytest.mark.parametrize("line", lines(BOT), ids=lambda line: line[0])
def test_bot(data: str, line: list[str]) -> None:
    name, neck, last_stride, warmup, milestones, erase, smoothing, triplet, center, sampler = line
    expected = {
        "data.format": data,
        "model.name": "resnet50",
        "model.image_size": (256, 128),
        "model.neck": neck,
        "model.neck_feature": "after",
        "model.shape": {"last_stride": int(last_stride)},
        "augment.mean": IMAGENET[0],
        "augment.std": IMAGENET[1],
        "augment.interpolation": "bilinear",
        "augment.flip": 0.5,
        "augment.padding": 10,
        "augment.erase": float(erase),
        "sampler.name": sampler,
        "sampler.ids_per_batch": 16,
        "sampler.images_per_id": 4,
        "loss.identity_weight": 1.0,
        "loss.triplet_weight": float(triplet),
        "loss.margin": 0.3,
        "loss.label_smoothing": float(smoothing),
        "loss.center_weight": float(center),
        "loss.center_lr": 0.5,
        "optimizer.name": "adam",
        "optimizer.lr": 3.5e-4,
        "optimizer.weight_decay": 5e-4,
        "optimizer.bias_lr_factor": 1.0,
        "optimizer.bias_weight_decay": None,
        "schedule.name": "multistep",
        "schedule.milestones": tuple(map(float, milestones.split(","))),
        "schedule.gamma": 0.1,
        "schedule.warmup_epochs": float(warmup),
        "schedule.warmup_factor": 0.01,
        "train.epochs": 120,
        "train.precision": "fp32",
    }
    if erase != "0":
        expected.update({"augment.erase_area": (0.02, 0.4), "augment.erase_fill": "mean"})
    check(f"{data}_{name}", expected)
    assert RECIPES[f"{data}_{name}"].weights == "resnet50-19c8e357.pth"


def rates(name: str, factor: float = 1.0) -> list[float]:
    """The rate of every epoch; number 0 is the first epoch."""
    recipe = RECIPES[name]()
    base = recipe.optimizer.lr
    schedule = build.build_schedule(recipe.schedule, base_lr=base, epochs=recipe.train.epochs)
    times = [schedule_time(recipe.schedule.clock, epoch, 0, 10) for epoch in range(recipe.train.epochs)]
    return [schedule(time, factor * base) for time in times]


def test_rates_that_the_epochs_of_each_paper_really_have() -> None:
    transreid = rates("market1501_transreid")
    assert (transreid[0], transreid[3]) == pytest.approx((1.664e-3, 6.416e-3))
    assert (transreid[4], transreid[9]) == pytest.approx((7.965848e-3, 7.863976e-3), rel=1e-6)
    assert transreid[119] == pytest.approx(1.6e-5)
    biases = rates("market1501_transreid", RECIPES["market1501_transreid"]().optimizer.bias_lr_factor)
    assert (biases[0], biases[59], biases[118]) == pytest.approx((3.264e-3, 8.008e-3, 1.873866e-5), rel=1e-6)
    ssl = rates("market1501_ssl_vit_small")
    assert (ssl[0], ssl[1], ssl[19]) == pytest.approx((4e-6, 2.38e-5, 3.802e-4))
    assert (ssl[20], ssl[119]) == pytest.approx((3.732587e-4, 8.683979e-7), rel=1e-6)
    bot = rates("market1501_bot")
    assert (bot[0], bot[1], bot[2], bot[8], bot[9]) == pytest.approx((3.815e-5, 7.28e-5, 1.0745e-4, 3.1535e-4, 3.5e-4))
    assert (bot[38], bot[39], bot[69]) == pytest.approx((3.5e-4, 3.5e-5, 3.5e-6))
    assert rates("market1501_bot_baseline")[0] == pytest.approx(3.5e-4)


def test_every_recipe_names_a_converter() -> None:
    assert {recipe().data.format for recipe in RECIPES.values()} <= set(CONVERTERS)


def test_the_weights_are_left_to_whoever_has_the_file() -> None:
    assert {recipe().model.weights for recipe in RECIPES.values()} == {None}


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS.items())
def test_the_networks_have_the_published_sizes(name: str, parameters: int) -> None:
    recipe = RECIPES[name]()
    identities, cameras = (tuple(map(str, range(count))) for count in SETS[recipe.data.format])
    known = Vocabulary(identities, cameras if recipe.model.side_information == "camera" else ())
    with weightless():
        model = create_model(recipe.model.name, **build.model_settings(recipe.model, known))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
