"""Pre-training: the released scripts of TransReID-SSL, and each method that it is compared with by its own recipe.

Source: scripts and code of Luo et al. 2021, arXiv:2111.12084 (DINO on LUPerson); Caron et al. 2021, arXiv:2104.14294;
He et al. 2020, arXiv:1911.05722 and Fu et al. 2021, arXiv:2012.03753 (MoCo v2 on LUPerson); Chen et al. 2021,
arXiv:2104.02057 (MoCo v3); Xie et al. 2021, arXiv:2105.04553 (MoBY). How the compared methods were trained on LUPerson
was not published: theirs are their own settings, with views of 256x128 and 100 epochs.
"""

from resight.recipes.pretrain_schema import PretrainRecipe
from resight.recipes.table import BuiltIn, Part, assemble

WORKERS = {"data": {"workers": 10}}  # DINO's own default; with none the step waits for the views
HALF_PRECISION = Part("", {"train": {"precision": "fp16"}})
IMAGENET = Part(
    "ImageNet",
    {"views": {"size": [224, 224], "local_size": [96, 96]}, **WORKERS},
)
LUPERSON = Part("LUPerson", WORKERS)
CFS = Part("LUPerson as CFS filters it", WORKERS)
VIT_S = Part("ViT-S/16", {})
VIT_S_12 = Part("ViT-S/16 of 12 heads", {"model": {"shape": {"heads": 12}}})
VIT_S_ICS = Part("ViT-S/16 + ICS", {"model": {"name": "vit_small_ics"}})
VIT_B_ICS = Part("ViT-B/16 + ICS", {"model": {"name": "vit_base_ics"}})
RESNET50 = Part("ResNet-50", {"model": {"name": "resnet50", "drop_path": 0.0}})

DINO = Part("DINO", {})
DINO_RESNET = Part(
    "DINO",
    {
        "optimizer": {"name": "sgd", "lr": 0.03, "weight_decay": 1e-4},
        "options": {"final_weight_decay": 1e-4},
        "views": {"area": [0.14, 1.0], "local_area": [0.05, 0.14]},
    },
)
MOCOV2 = Part(
    "MoCo v2, LUPerson's settings",
    {
        "method": "mocov2",
        "data": {"batch_size": 320},
        "model": {"drop_path": 0.0},
        "views": {"kind": "luperson", "area": [0.2, 1.0]},
        "options": {"temperature": 0.1, "wraps": True},
        "optimizer": {"name": "sgd", "lr": 0.3, "lr_batch": None, "weight_decay": 1e-4, "decay_vectors": True},
        "schedule": {"name": "cosine", "clock": "epoch_start", "warmup_epochs": 0},
        "train": {"epochs": 200},
    },
)
MOCOV3 = Part(
    "MoCo v3",
    {
        "method": "mocov3",
        "data": {"batch_size": 512},
        "model": {"drop_path": 0.0},
        "views": {"kind": "byol", "area": [0.08, 1.0]},
        "optimizer": {"lr": 1.5e-4, "weight_decay": 0.1, "decay_vectors": True},
        "schedule": {"name": "mocov3", "warmup_epochs": 40},
    },
)
MOCOV3_RESNET = Part(
    "MoCo v3",
    {
        "method": "mocov3",
        "data": {"batch_size": 512},
        "views": {"kind": "byol", "area": [0.2, 1.0]},
        "options": {"projector_layers": 2, "predictor_norm": False, "temperature": 1.0},
        "optimizer": {"name": "lars", "lr": 0.6, "weight_decay": 1e-6},
        "schedule": {"name": "mocov3", "warmup_epochs": 10},
    },
)
MOBY = Part(
    "MoBY",
    {
        "method": "moby",
        "model": {"drop_path": 0.2},
        "views": {"kind": "byol", "area": [0.08, 1.0]},
        "optimizer": {"lr": 1e-3, "lr_batch": 512, "weight_decay": 0.05},
        "schedule": {"name": "cosine", "warmup_epochs": 5, "warmup_factor": 5e-4, "final_factor": 5e-3},
        "train": {"clip_norm": 5.0},
    },
)
# For learning on a laptop: a small net, small crops, and one learning rate for all methods. Normalised as the recipes
# are that fine-tune them.
SMALL = Part(
    "ViT 96x4, 128x64 crops",
    {
        "model": {"name": "vit_nano"},
        "views": {
            "size": [128, 64],
            "local_size": [64, 32],
            "local_crops": 2,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
        "data": {"batch_size": 32},
        "optimizer": {"name": "adamw", "lr": 1e-3, "lr_batch": 32},
        "schedule": {"warmup_epochs": 2},
        "train": {"epochs": 50},
    },
)
# With few images and steps the teacher soon says the same of every image, or little that can be learnt. A sharper
# teacher, the head's batch norm and KoLeo keep images apart, and hidden patches give each image more to learn from.
SMALL_DINO = Part(
    "",
    {
        "options": {
            "prototypes": 1024,
            "hidden": 512,
            "bottleneck": 128,
            "batch_norm": True,
            "koleo": 0.05,
            "masking": 0.3,
            "teacher_temperature": 0.02,
            "warmup_teacher_temperature": 0.02,
            "center_momentum": 0.95,
            "momentum": 0.99,
        },
        "views": {"area": [0.25, 1.0], "local_area": [0.15, 0.4]},
    },
)
SMALL_MOCOV2 = Part(
    "",
    {
        "views": {"kind": "mocov2"},
        "options": {"queue": 2048, "temperature": 0.2, "momentum": 0.99, "wraps": False},
        "optimizer": {"weight_decay": 0.05, "decay_vectors": False},
        "schedule": {"clock": "step"},
    },
)
SMALL_MOCOV3 = Part(
    "",
    {
        "options": {"hidden": 1024},
        "optimizer": {"weight_decay": 0.05},
    },
)
SMALL_MOBY = Part(
    "",
    {
        "model": {"drop_path": 0.1},
        "options": {"hidden": 1024, "queue": 2048},
    },
)


def _row(name: str, *parts: Part, note: str = "") -> BuiltIn[PretrainRecipe]:
    return BuiltIn(name, "Pre-training", lambda: assemble(PretrainRecipe(), parts), note=note)


_CFS = (
    "the released scripts keep 2,508,146 images (60 %), their README offers 2,090,122 (50 %) too: `resight data "
    "convert luperson ... --option keep=2508146` makes the manifest to give as --pool"
)
_NOT_PUBLISHED = "how the paper trained this method on LUPerson was not published"

# fmt: off
PRETRAINING: tuple[BuiltIn[PretrainRecipe], ...] = (
    _row("luperson_dino_vit_small",         DINO, LUPERSON, VIT_S, HALF_PRECISION),
    _row("luperson_dino_vit_small_ics",     DINO, LUPERSON, VIT_S_ICS, HALF_PRECISION),
    _row("luperson_dino_vit_base_ics",      DINO, LUPERSON, VIT_B_ICS, HALF_PRECISION),
    _row("luperson_cfs_dino_vit_small",     DINO, CFS, VIT_S, HALF_PRECISION, note=_CFS),
    _row("luperson_cfs_dino_vit_small_ics", DINO, CFS, VIT_S_ICS, HALF_PRECISION, note=_CFS),
    _row("luperson_cfs_dino_vit_base_ics",  DINO, CFS, VIT_B_ICS, HALF_PRECISION, note=_CFS),
    _row("imagenet_dino_vit_small",         DINO, IMAGENET, VIT_S, HALF_PRECISION),
    _row("luperson_dino_resnet50",          DINO_RESNET, LUPERSON, RESNET50, HALF_PRECISION, note=_NOT_PUBLISHED),
    _row("luperson_mocov2_resnet50",        MOCOV2, LUPERSON, RESNET50, HALF_PRECISION),
    _row("luperson_mocov2_vit_small",       MOCOV2, LUPERSON, VIT_S, HALF_PRECISION, note=_NOT_PUBLISHED),
    _row("luperson_mocov3_vit_small",       MOCOV3, LUPERSON, VIT_S_12, HALF_PRECISION, note=_NOT_PUBLISHED),
    _row("luperson_mocov3_resnet50",        MOCOV3_RESNET, LUPERSON, RESNET50, HALF_PRECISION, note=_NOT_PUBLISHED),
    _row("luperson_moby_vit_small",         MOBY, LUPERSON, VIT_S, HALF_PRECISION, note=_NOT_PUBLISHED),

    _row("small_dino",                      DINO, SMALL, SMALL_DINO),
    _row("small_mocov2",                    MOCOV2, SMALL, SMALL_MOCOV2),
    _row("small_mocov3",                    MOCOV3, SMALL, SMALL_MOCOV3),
    _row("small_moby",                      MOBY, SMALL, SMALL_MOBY),
)
# fmt: on
