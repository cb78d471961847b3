"""The forgetting score and the images that it keeps, from the official backbone's weights."""

import numpy as np
import torch
from torch import Tensor
from torch.testing import assert_close

from resight.filtering.score import forgetting_score
from resight.filtering.selection import select_top
from tests.golden.build import build_encoder, encoder_state
from tests.golden.discovery import GoldenCase, parametrize


def features(case: GoldenCase, weights: str) -> Tensor:
    encoder = build_encoder(case.settings, jigsaw=False).eval()
    encoder.load_state_dict(encoder_state(case.load(weights)), strict=True)
    with torch.no_grad():
        return encoder(case.load("inputs")["image"])[:, 0]


@parametrize("cfs")
def test_score_order_and_choice(case: GoldenCase) -> None:
    outputs, tolerance = case.load("outputs"), case.tolerance()
    source, target = features(case, "weights"), features(case, "weights_target")
    assert_close(source, outputs["features_source"], **tolerance)
    assert_close(target, outputs["features_target"], **tolerance)
    scores = forgetting_score(source, target)
    assert_close(scores, outputs["score"], **tolerance)
    assert scores.argsort(descending=True, stable=True).tolist() == outputs["order_descending"].tolist()
    for wanted in range(1, len(scores) + 1):
        kept = select_top(scores.numpy(), wanted)
        assert np.flatnonzero(kept).tolist() == sorted(outputs["order_descending"][:wanted].tolist())
    assert (
        sorted(outputs["kept_index"].tolist())
        == np.flatnonzero(select_top(scores.numpy(), case.settings["keep"])).tolist()
    )
