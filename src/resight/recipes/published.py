"""What was published for the built-in recipes, in percent. No number here was measured by resight.

Of VehicleID it is Rank-1 and Rank-5 (800 vehicles), of all else mAP and Rank-1; single query, no re-ranking.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """Where numbers come from. short: heads a column of a list; full: a citation."""

    short: str
    full: str


PAPER = Source("paper", "He et al. 2021, arXiv:2102.04378, Table 7")
ABLATION = Source("paper", "He et al. 2021, arXiv:2102.04378, ablation of JPM and SIE")
CODE = Source("official code", "README of the released code of He et al. 2021 (re-organised after the paper)")
INDEPENDENT = Source("independent", "an independent run on Market-1501, ImageNet weights, 120 epochs")
SSL_PAPER = Source("paper", "Luo et al. 2021, arXiv:2111.12084")
SSL_CODE = Source("official code", "README of the released code of Luo et al. 2021, reproduced")
BOT_CODE = Source("official code", "README of the released code of Luo et al. 2019, arXiv:1906.08332")

VEHICLEID_MEASURES = ("Rank-1", "Rank-5")
MEASURES = ("mAP", "Rank-1")


@dataclass(frozen=True)
class Published:
    """Two published numbers, in percent; `measures(recipe)` says of what."""

    first: float
    second: float
    source: Source


def measures(recipe: str) -> tuple[str, str]:
    """What the two numbers of a recipe are."""
    return VEHICLEID_MEASURES if recipe.startswith("vehicleid_") else MEASURES


def _paper(first: float, second: float) -> Published:
    return Published(first, second, PAPER)


def _ablation(first: float, second: float) -> Published:
    return Published(first, second, ABLATION)


def _code(first: float, second: float) -> Published:
    return Published(first, second, CODE)


def _independent(first: float, second: float) -> Published:
    return Published(first, second, INDEPENDENT)


def _ssl(paper: tuple[float, float], code: tuple[float, float]) -> tuple[Published, ...]:
    return Published(*paper, SSL_PAPER), Published(*code, SSL_CODE)


def _bot(rank_1: float, mean_ap: float) -> tuple[Published, ...]:
    """As printed there: Rank-1 first."""
    return (Published(mean_ap, rank_1, BOT_CODE),)


PUBLISHED: dict[str, tuple[Published, ...]] = {
    "market1501_baseline": (_paper(86.8, 94.7), _code(87.1, 94.6), _independent(87.1, 94.2)),
    "market1501_sie": (_independent(87.9, 95.2),),
    "market1501_jpm": (_independent(87.4, 95.0),),
    "market1501_transreid": (_paper(88.2, 95.0), _independent(88.2, 94.9)),
    "market1501_transreid_stride": (_paper(88.9, 95.2), _code(89.0, 95.1)),
    "market1501_transreid_384": (_paper(88.8, 95.0),),
    "market1501_transreid_stride_384": (_paper(89.5, 95.2),),
    "market1501_deit_transreid_stride": (_paper(88.4, 95.0), _code(88.5, 95.1)),
    "dukemtmc_baseline": (_paper(79.3, 88.8), _code(79.6, 89.0)),
    "dukemtmc_transreid": (_paper(80.6, 89.6),),
    "dukemtmc_transreid_stride": (_paper(82.0, 90.7), _code(82.2, 90.7)),
    "dukemtmc_transreid_384": (_paper(81.8, 90.4),),
    "dukemtmc_transreid_stride_384": (_paper(82.6, 90.7),),
    "dukemtmc_deit_transreid_stride": (_paper(81.9, 91.1), _code(81.9, 90.7)),
    "msmt17_baseline": (_paper(61.0, 81.8), _code(61.8, 81.8)),
    "msmt17_sie": (_ablation(62.4, 81.9),),
    "msmt17_jpm": (_ablation(63.6, 82.5),),
    "msmt17_transreid": (_paper(64.9, 83.3),),
    "msmt17_transreid_stride": (_paper(67.4, 85.3), _code(67.8, 85.3)),
    "msmt17_transreid_384": (_paper(66.6, 84.6),),
    "msmt17_transreid_stride_384": (_paper(69.4, 86.2),),
    "msmt17_deit_transreid_stride": (_paper(66.2, 84.3), _code(66.3, 84.0)),
    "occluded_duke_baseline": (_paper(53.1, 60.5), _code(53.8, 61.1)),
    "occluded_duke_transreid": (_paper(55.7, 64.2),),
    "occluded_duke_transreid_stride": (_paper(59.2, 66.4), _code(59.5, 67.4)),
    "occluded_duke_deit_transreid_stride": (_paper(58.1, 66.4), _code(57.7, 65.2)),
    "veri776_baseline": (_paper(78.2, 96.5), _code(79.0, 96.6)),
    "veri776_transreid": (_paper(80.6, 96.9),),
    "veri776_transreid_stride": (_paper(82.0, 97.1), _code(82.1, 97.4)),
    "veri776_deit_transreid": (_paper(81.2, 96.8),),
    "veri776_deit_transreid_stride": (_paper(82.3, 97.1), _code(82.4, 97.1)),
    "vehicleid_baseline": (_paper(82.3, 96.1), _code(83.5, 96.7)),
    "vehicleid_transreid": (_paper(83.6, 97.1),),
    "vehicleid_transreid_stride": (_paper(85.2, 97.5), _code(85.2, 97.4)),
    "vehicleid_deit_transreid": (_paper(84.6, 97.4),),
    "vehicleid_deit_transreid_stride": (_paper(85.2, 97.6), _code(86.0, 97.6)),
    "market1501_ssl_vit_small": _ssl((91.0, 96.0), (91.2, 95.8)),
    "market1501_ssl_vit_small_ics": _ssl((91.3, 96.2), (91.4, 96.2)),
    "market1501_ssl_vit_base_ics_384": _ssl((93.2, 96.7), (93.1, 96.6)),
    "msmt17_ssl_vit_small": _ssl((66.1, 84.6), (66.3, 84.8)),
    "msmt17_ssl_vit_small_ics": _ssl((68.1, 86.1), (68.3, 86.2)),
    "msmt17_ssl_vit_base_ics_384": _ssl((75.0, 89.6), (75.1, 89.6)),
    "market1501_bot_baseline": _bot(87.7, 74.0),
    "market1501_bot": _bot(94.1, 85.7),
    "market1501_bot_center": _bot(94.5, 85.9),
    "dukemtmc_bot_baseline": _bot(79.7, 63.8),
    "dukemtmc_bot": _bot(86.2, 75.9),
    "dukemtmc_bot_center": _bot(86.4, 76.4),
}
"""By recipe; a recipe without an entry has no published number of its own."""
