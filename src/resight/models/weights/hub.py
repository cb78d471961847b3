"""Pre-trained weights that timm offers, fetched by timm's own code."""

from typing import Any

import timm
from timm.models import get_pretrained_cfg

from resight.errors import ModelFormatError
from resight.models.backbones import VIT_SHAPES
from resight.models.resnet import RESNET_SHAPES
from resight.models.weights.weight_file import WeightFile, from_tensors

TIMM = "timm"
"""The word for these weights in a recipe."""

# Our names to timm's. Those of the papers are the weights that their released code starts from.
TIMM_NAMES = {
    "vit_base": "vit_base_patch16_224.orig_in21k_ft_in1k",
    "deit_base": "deit_base_distilled_patch16_224.fb_in1k",
    "deit_small": "deit_small_distilled_patch16_224.fb_in1k",
    "vit_small": "vit_small_patch16_224.augreg_in21k_ft_in1k",
    "vit_tiny": "vit_tiny_patch16_224.augreg_in21k_ft_in1k",
    "resnet50": "resnet50.tv_in1k",
}


def timm_weights(model_name: str) -> WeightFile:
    """The pre-trained weights of a net, from timm's cache or the network.

    Args:
        model_name: one of our names, or one of timm's, with its tag (`vit_small_patch16_224.dino`) or without.

    Raises:
        ModelFormatError: if timm has none for that net, or they cannot be fetched.
    """
    name = TIMM_NAMES.get(model_name, model_name)
    cfg = _known(name)
    if cfg is None:
        raise ModelFormatError(
            f"timm has no pre-trained weights for {model_name}; pass the path of a file as weights instead, or none"
        )
    try:
        # With its classifier, because timm loads strictly only then.
        net = timm.create_model(name, pretrained=True)
    except Exception as error:
        raise ModelFormatError(_how_to_go_on(name, cfg, error)) from error
    return from_tensors(net.state_dict(), source=f"timm's {name}")


def _known(name: str) -> Any:
    """The entry of timm for these weights; None: there is none."""
    if name in VIT_SHAPES or name in RESNET_SHAPES:
        return None
    try:
        cfg: Any = get_pretrained_cfg(name, allow_unregistered=True)
    except RuntimeError:  # the net is known, the tag is not
        return None
    return cfg if cfg is not None and cfg.has_weights else None


def _how_to_go_on(name: str, cfg: Any, error: Exception) -> str:
    reason = (str(error) or type(error).__name__).partition("\n")[0]
    hub = cfg.hf_hub_id
    file = f"https://huggingface.co/{hub}" if hub else cfg.url
    cache = f", or run `hf download {hub}` there and copy its cache folder (HF_HOME) here" if hub else ""
    return (
        f"the weights of timm's {name} could not be fetched ({type(error).__name__}: {reason}). Without a network: "
        f"download the weights ({file}) on another machine and pass the path of the file as weights{cache}"
    )
