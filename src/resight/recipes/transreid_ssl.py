"""TransReID-SSL: every released fine-tuning configuration.

All are the TransReID baseline (no SIE, no JPM, stride 16) after pre-training on LUPerson, and differ from TransReID's
in the clock: epoch e has the rate of t = e - 1.

Source: released configurations of Luo et al. 2021, arXiv:2111.12084.
"""

from resight.recipes.schema import TrainRecipe
from resight.recipes.table import BuiltIn, Part, row
from resight.recipes.transreid import HALF_PRECISION, MARKET, MSMT17, TALL, VIT_B, four_processes

CLOCK = Part("TransReID-SSL fine-tuning", {"schedule": {"clock": "epoch_start"}})

VIT_S = Part("ViT-S/16", {"model": {"name": "vit_small"}}, "vit_small_cfs_lup.pth")
VIT_S_ICS = Part("ViT-S/16 + ICS", {"model": {"name": "vit_small_ics"}}, "vit_small_ics_cfs_lup.pth")
VIT_B_ICS = Part("ViT-B/16 + ICS", {"model": {"name": "vit_base_ics"}}, "vit_base_ics_cfs_lup.pth")


def gentle(lr: float) -> Part:
    """What pre-trained weights of the same kind of images want: a low rate, reached over 20 epochs."""
    return Part("", {"optimizer": {"lr": lr}, "schedule": {"warmup_epochs": 20}})


def _row(name: str, data: Part, net: Part, *parts: Part, note: str = "") -> BuiltIn[TrainRecipe]:
    return row(name, f"TransReID-SSL, {data.label}", data, net, CLOCK, HALF_PRECISION, *parts, note=note)


_DDP = "the authors say that training on 4 GPUs may lose 0.1 to 0.2 mAP"
_BASE = "256x128, although the released file names its output folder 384"

# fmt: off
TRANSREID_SSL: tuple[BuiltIn[TrainRecipe], ...] = (
    _row("market1501_ssl_vit_small",           MARKET, VIT_S, gentle(0.0004)),
    _row("market1501_ssl_vit_small_ics",       MARKET, VIT_S_ICS, gentle(0.0004)),
    _row("market1501_ssl_vit_small_ics_ddp",   MARKET, VIT_S_ICS, gentle(0.0032), four_processes(16), note=_DDP),
    _row("market1501_ssl_vit_base_ics_384",    MARKET, VIT_B_ICS, TALL, gentle(0.0004)),
    _row("market1501_ssl_vit_base_baseline",   MARKET, VIT_B, note=_BASE),

    _row("msmt17_ssl_vit_small",               MSMT17, VIT_S, gentle(0.0004)),
    _row("msmt17_ssl_vit_small_ics",           MSMT17, VIT_S_ICS, gentle(0.0004)),
    _row("msmt17_ssl_vit_small_ics_ddp",       MSMT17, VIT_S_ICS, gentle(0.0032), four_processes(16), note=_DDP),
    _row("msmt17_ssl_vit_base_ics_384",        MSMT17, VIT_B_ICS, TALL, gentle(0.0004)),
    _row("msmt17_ssl_vit_base_baseline",       MSMT17, VIT_B, note=_BASE),
)
# fmt: on
