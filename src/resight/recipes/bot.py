"""BoT, the strong baseline: a ResNet-50 and a bag of tricks.

The released configurations name no data set but the default (Market-1501); scripts beside them run those with all
tricks on Market-1501 and on DukeMTMC-reID.

Source: released code of Luo et al. 2019, arXiv:1906.08332.
"""

from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from resight.recipes.schema import TrainRecipe
from resight.recipes.table import BuiltIn, Part, row
from resight.recipes.transreid import DUKE, MARKET

RESNET50 = Part(
    "ResNet-50",
    {"model": {"name": "resnet50", "neck_feature": "after", "drop_path": 0.0}},
    "resnet50-19c8e357.pth",
)
COMMON = Part(
    "",
    {
        "augment": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "interpolation": "bilinear"},
        "loss": {"margin": 0.3},
        "optimizer": {"name": "adam", "lr": 3.5e-4, "weight_decay": 5e-4, "bias_lr_factor": 1},
        "schedule": {"name": "multistep", "milestones": (40, 70), "gamma": 0.1},
    },
)
NO_TRICKS = Part(
    "standard baseline",
    {
        "model": {"neck": "none", "shape": {"last_stride": 2}},
        "augment": {"erase": 0.0},
        "schedule": {"warmup_epochs": 0},
    },
)
ALL_TRICKS = Part(
    "bag of tricks",
    {
        "model": {"neck": "bnneck", "shape": {"last_stride": 1}},
        "augment": {"erase": 0.5, "erase_area": (0.02, 0.4), "erase_fill": "mean"},
        "loss": {"label_smoothing": 0.1},
        "schedule": {"warmup_epochs": 10, "warmup_factor": 0.01},
    },
)
IDENTITY_ALONE = Part(
    "identity loss alone",
    {
        "sampler": {"name": "shuffle"},
        "loss": {"triplet_weight": 0.0},
        "schedule": {"milestones": (30, 55), "warmup_epochs": 5},
    },
)
CENTER = Part("center loss", {"loss": {"center_weight": 0.0005, "center_lr": 0.5}})
MARKET_ALONE = "released for Market-1501 alone; only the data set differs"


def _row(name: str, data: Part, *parts: Part, note: str = "") -> BuiltIn[TrainRecipe]:
    return row(name, f"BoT, {data.label}", data, RESNET50, COMMON, *parts, note=note)


BOT: tuple[BuiltIn[TrainRecipe], ...] = (
    _row("market1501_bot_baseline", MARKET, NO_TRICKS),
    _row("market1501_bot_softmax", MARKET, ALL_TRICKS, IDENTITY_ALONE),
    _row("market1501_bot", MARKET, ALL_TRICKS),
    _row("market1501_bot_center", MARKET, ALL_TRICKS, CENTER),
    _row("dukemtmc_bot_baseline", DUKE, NO_TRICKS, note=MARKET_ALONE),
    _row("dukemtmc_bot_softmax", DUKE, ALL_TRICKS, IDENTITY_ALONE, note=MARKET_ALONE),
    _row("dukemtmc_bot", DUKE, ALL_TRICKS),
    _row("dukemtmc_bot_center", DUKE, ALL_TRICKS, CENTER),
)
