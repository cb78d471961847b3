"""Any net of timm by its name: a plain ViT becomes a TransReID encoder, any other net gives its pooled feature."""

import logging
import re
from typing import Any

import timm
from torch import Tensor, nn

from resight.models.encoder import TransReIDEncoder
from resight.models.plain_vit import obstacles, use_overlap
from resight.models.pooling import Pooling, use_gem
from resight.models.probe import made_for, require_features
from resight.models.settings import PATCH, VIT_ONLY, EncoderSettings

_logger = logging.getLogger(__name__)
_REFUSED = re.compile(r"unexpected keyword argument(?:\(s\): \[)? ?'(\w+)'")


class TimmEncoder(nn.Module):
    """The pooled feature of a net, as the one branch of a model.

    Args:
        net: a net of timm without classifier: images (B, 3, H, W) to features (B, D).

    Cameras and views are not read. Gradient checkpointing is timm's own: batch norms inside then see a batch twice, so
    their running statistics move twice in a step.
    """

    num_branches = 1

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net
        self.dim = int(getattr(net, "head_hidden_size", None) or net.num_features)
        self._checkpointing = False

    @property
    def gradient_checkpointing(self) -> bool:
        """Whether activations are computed again in the backward pass.

        Raises:
            ValueError: when switched on for a net that cannot.
        """
        return self._checkpointing

    @gradient_checkpointing.setter
    def gradient_checkpointing(self, enable: bool) -> None:
        if enable or self._checkpointing:
            try:
                self.net.set_grad_checkpointing(enable)
            except (AssertionError, AttributeError) as error:
                raise ValueError(
                    f"timm has no gradient checkpointing for a {type(self.net).__name__}; switch it off, and lower the "
                    "batch or accumulate gradients instead"
                ) from error
        self._checkpointing = enable

    def forward(self, images: Tensor, camera: Tensor | None = None, view: Tensor | None = None) -> Tensor:
        """(B, 1, D), from images (B, 3, H, W)."""
        features: Tensor = self.net(images)
        return features.unsqueeze(1)


def create_timm_encoder(name: str, settings: EncoderSettings) -> TransReIDEncoder | TimmEncoder:
    """The encoder of a net of timm, with timm's initial values.

    Args:
        name: of timm, with or without the tag of its weights.
        settings: what is asked for.

    Raises:
        ValueError: if timm cannot build it so, or it cannot have what is asked for.
    """
    net = _create_net(name, settings)
    found = obstacles(net)
    if found:
        hint = "a plain ViT with class token can, such as vit_base, or timm's vit_small_patch14_dinov2"
        settings.refuse(name, f"it has {', '.join(found)}; {hint}", *VIT_ONLY, "initial_weights")
        choose_pooling(name, net, settings.pooling)
        encoder = TimmEncoder(net)
        require_features(name, net, settings.image_size, encoder.dim)
        return encoder
    settings.refuse(name, "nets of timm begin as timm does", "initial_weights")
    patch = net.patch_embed.patch_size[0]
    if settings.patch_size not in (PATCH, patch):
        raise ValueError(f"{name} has patches of {patch} pixels, not {settings.patch_size}; leave patch_size out")
    use_overlap(net, settings.image_size, settings.stride)
    return settings.transreid(net)


def choose_pooling(name: str, net: Any, pooling: Pooling) -> None:
    """Changes how a net pools its last features.

    Args:
        name: for the error.
        net: of timm, without classifier.
        pooling: `default` leaves it as it is.

    Raises:
        ValueError: if the net cannot pool so.
    """
    if pooling == "default":
        return
    try:
        net.reset_classifier(0, global_pool="avg")
    except (AssertionError, TypeError, ValueError) as error:
        raise ValueError(f"the pooling of {name} cannot be changed; use pooling=default") from error
    if pooling == "gem" and not use_gem(net):
        raise ValueError(f"{name} does not pool a feature map, so it has no gem; use pooling=default or average")


def _create_net(name: str, settings: EncoderSettings) -> Any:
    """The net without classifier; what its constructor does not know is left out, where nothing asked for is lost.

    Not every net takes an image size (a convolution has none). Stochastic depth is a default, so a net may lack it; a
    dropout that is not 0 was asked for.
    """
    wanted: dict[str, Any] = {
        "img_size": settings.image_size,
        "dynamic_img_size": False,
        "drop_path_rate": settings.drop_path,
    }
    if settings.dropout:
        wanted |= {"pos_drop_rate": settings.dropout, "proj_drop_rate": settings.dropout}
    if settings.attention_dropout:
        wanted |= {"attn_drop_rate": settings.attention_dropout}
    net, taken = create_with_known(name, wanted)
    if not {"pos_drop_rate", "proj_drop_rate"} & taken:
        settings.refuse(name, "its layers have no such dropout", "dropout")
    if "attn_drop_rate" not in taken:
        settings.refuse(name, "its attention has no dropout, or it has no attention", "attention_dropout")
    if settings.drop_path and "drop_path_rate" not in taken:
        _logger.info("%s has no stochastic depth; drop_path=%s is left out", name, settings.drop_path)
    return net


def create_with_known(name: str, wanted: dict[str, Any]) -> tuple[Any, set[str]]:
    """The net made with those arguments that its constructor knows, and their names."""
    arguments = dict(wanted)
    while True:
        try:
            return timm.create_model(name, pretrained=False, num_classes=0, **arguments), set(arguments)
        except TypeError as error:
            refused = _REFUSED.search(str(error))
            if refused is None or refused[1] not in arguments:
                raise
            del arguments[refused[1]]
        except (AssertionError, RuntimeError, ValueError) as error:
            height, width = wanted["img_size"]
            reason = str(error) or type(error).__name__
            advice = made_for(name)
            raise ValueError(f"timm cannot build {name} for images of {height}x{width}{advice} ({reason})") from error
