"""TransReID: every released configuration, as a table of what differs.

What is the same in all of them is the default of each setting (`resight.recipes.schema`): 120 epochs of SGD at 0.008,
the cosine schedule with 5 epochs of warm-up where epoch e has the rate of t = e, 16 x 4 images per batch, cross-entropy
plus soft-margin triplet loss.

Source: released configurations of He et al. 2021, arXiv:2102.04378.
"""

from resight.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from resight.recipes.schema import TrainRecipe
from resight.recipes.table import BuiltIn, Part, row

HALF_PRECISION = Part("", {"train": {"precision": "fp16"}})

MARKET = Part("Market-1501", {"data": {"format": "market1501"}})
DUKE = Part("DukeMTMC-reID", {"data": {"format": "dukemtmc"}})
MSMT17 = Part("MSMT17", {"data": {"format": "msmt17"}})
OCCLUDED = Part("Occluded-Duke", {"data": {"format": "occluded_duke"}})
_SQUARE = {"model": {"image_size": (256, 256)}}
VERI = Part("VeRi-776", {"data": {"format": "veri776"}, **_SQUARE})
VEHICLE_ID = Part("VehicleID", {"data": {"format": "vehicleid"}, **_SQUARE})

VIT_B = Part("ViT-B/16", {"model": {"name": "vit_base"}}, "jx_vit_base_p16_224-80ecf9dd.pth")
VIT_S = Part("ViT-S (768 x 8)", {"model": {"name": "vit_small_transreid"}}, "vit_small_p16_224-15ec54c9.pth")
DEIT_B = Part("DeiT-B/16", {"model": {"name": "deit_base"}}, "deit_base_distilled_patch16_224-df68dfff.pth")
DEIT_S = Part("DeiT-S/16", {"model": {"name": "deit_small"}}, "deit_small_distilled_patch16_224-649709d9.pth")

CAMERA = Part("camera SIE", {"model": {"side_information": "camera"}})
CAMERA_VIEW = Part("camera and view SIE", {"model": {"side_information": "both"}})
JPM = Part("JPM", {"model": {"jigsaw": True}})
JPM_8 = Part("JPM (shift 8)", {"model": {"jigsaw": True, "jigsaw_shift": 8}})
STRIDE_12 = Part("stride 12", {"model": {"stride": 12}})
STRIDE_11 = Part("stride 11", {"model": {"stride": 11}})
TALL = Part("384x128", {"model": {"image_size": (384, 128)}})

ERASE_08 = Part("", {"augment": {"erase": 0.8}})
IMAGENET_NORM = Part("", {"augment": {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}})


def rate(lr: float) -> Part:
    """Another learning rate."""
    return Part("", {"optimizer": {"lr": lr}})


def four_processes(ids_per_batch: int) -> Part:
    """Four processes with batches of P x 4 each, as the released run; P is per process."""
    label = f"4 processes x {ids_per_batch} x 4 images"
    return Part(label, {"sampler": {"ids_per_batch": ids_per_batch, "images_per_id": 4}})


def _row(name: str, data: Part, net: Part, *parts: Part, note: str = "") -> BuiltIn[TrainRecipe]:
    return row(name, f"TransReID, {data.label}", data, net, HALF_PRECISION, *parts, note=note)


_NO_VIEW = "the paper's number has the view SIE; the released code has no SIE on VehicleID"

# fmt: off
TRANSREID: tuple[BuiltIn[TrainRecipe], ...] = (
    _row("market1501_baseline",                MARKET, VIT_B),
    _row("market1501_sie",                     MARKET, VIT_B, CAMERA),
    _row("market1501_jpm",                     MARKET, VIT_B, JPM),
    _row("market1501_transreid",               MARKET, VIT_B, CAMERA, JPM),
    _row("market1501_transreid_stride",        MARKET, VIT_B, CAMERA, JPM, STRIDE_12),
    _row("market1501_transreid_384",           MARKET, VIT_B, CAMERA, JPM, TALL),
    _row("market1501_transreid_stride_384",    MARKET, VIT_B, CAMERA, JPM, STRIDE_12, TALL),
    _row("market1501_deit_transreid_stride",   MARKET, DEIT_B, CAMERA, JPM, STRIDE_12, ERASE_08),

    _row("dukemtmc_baseline",                  DUKE, VIT_B),
    _row("dukemtmc_sie",                       DUKE, VIT_B, CAMERA),
    _row("dukemtmc_jpm",                       DUKE, VIT_B, JPM),
    _row("dukemtmc_transreid",                 DUKE, VIT_B, CAMERA, JPM),
    _row("dukemtmc_transreid_stride",          DUKE, VIT_B, CAMERA, JPM, STRIDE_12),
    _row("dukemtmc_transreid_384",             DUKE, VIT_B, CAMERA, JPM, TALL,
         note="the released file does not load: a stray letter before MODEL"),
    _row("dukemtmc_transreid_stride_384",      DUKE, VIT_B, CAMERA, JPM, STRIDE_12, TALL),
    _row("dukemtmc_deit_transreid_stride",     DUKE, DEIT_B, CAMERA, JPM, STRIDE_12, ERASE_08),

    _row("msmt17_baseline",                    MSMT17, VIT_B),
    _row("msmt17_sie",                         MSMT17, VIT_B, CAMERA),
    _row("msmt17_jpm",                         MSMT17, VIT_B, JPM),
    _row("msmt17_transreid",                   MSMT17, VIT_B, CAMERA, JPM),
    _row("msmt17_transreid_stride",            MSMT17, VIT_B, CAMERA, JPM, STRIDE_12),
    _row("msmt17_transreid_384",               MSMT17, VIT_B, CAMERA, JPM, TALL),
    _row("msmt17_transreid_stride_384",        MSMT17, VIT_B, CAMERA, JPM, STRIDE_12, TALL),
    _row("msmt17_deit_transreid_stride",       MSMT17, DEIT_B, CAMERA, JPM, STRIDE_12, ERASE_08, rate(0.005)),
    _row("msmt17_vit_small",                   MSMT17, VIT_S, ERASE_08, rate(0.005)),
    _row("msmt17_deit_small",                  MSMT17, DEIT_S, ERASE_08, rate(0.005)),

    _row("occluded_duke_baseline",             OCCLUDED, VIT_B),
    _row("occluded_duke_sie",                  OCCLUDED, VIT_B, CAMERA),
    _row("occluded_duke_jpm",                  OCCLUDED, VIT_B, JPM),
    _row("occluded_duke_transreid",            OCCLUDED, VIT_B, CAMERA, JPM),
    _row("occluded_duke_transreid_stride",     OCCLUDED, VIT_B, CAMERA, JPM, STRIDE_11),
    _row("occluded_duke_deit_transreid_stride",
                                               OCCLUDED, DEIT_B, CAMERA, JPM, STRIDE_11, ERASE_08),

    _row("veri776_baseline",                   VERI, VIT_B),
    _row("veri776_transreid",                  VERI, VIT_B, CAMERA_VIEW, JPM_8, rate(0.01)),
    _row("veri776_transreid_stride",           VERI, VIT_B, CAMERA_VIEW, JPM_8, STRIDE_12, rate(0.01)),
    _row("veri776_deit_transreid",             VERI, DEIT_B, CAMERA_VIEW, JPM_8, IMAGENET_NORM, ERASE_08, rate(0.01)),
    _row("veri776_deit_transreid_stride",      VERI, DEIT_B, CAMERA_VIEW, JPM_8, STRIDE_12, IMAGENET_NORM, ERASE_08,
         rate(0.01)),

    _row("vehicleid_baseline",                 VEHICLE_ID, VIT_B, four_processes(14), rate(0.04)),
    _row("vehicleid_transreid",                VEHICLE_ID, VIT_B, JPM_8, four_processes(14), rate(0.045),
         note=_NO_VIEW),
    _row("vehicleid_transreid_stride",         VEHICLE_ID, VIT_B, JPM_8, STRIDE_12, four_processes(16), rate(0.045),
         note=_NO_VIEW),
    _row("vehicleid_deit_transreid",           VEHICLE_ID, DEIT_B, JPM_8, IMAGENET_NORM, ERASE_08, four_processes(16),
         rate(0.03), note=_NO_VIEW),
    _row("vehicleid_deit_transreid_stride",    VEHICLE_ID, DEIT_B, JPM_8, STRIDE_12, IMAGENET_NORM, ERASE_08,
         four_processes(16), rate(0.03), note=_NO_VIEW),
)
# fmt: on
