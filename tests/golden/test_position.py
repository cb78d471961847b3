"""Resize of position tables against the official implementation."""

import re

import pytest
import torch
from torch.testing import assert_close

from resight.models.position import resize_position_table
from tests.golden.discovery import GoldenCase, parametrize


@parametrize("pos_embed")
def test_position_tables(case: GoldenCase) -> None:
    inputs, outputs = case.load("inputs"), case.load("outputs")
    for name, entry in case.settings["cases"].items():
        leading = 1 + ("distill" in str(entry.get("note", name)))
        resized = resize_position_table(
            inputs[name],
            tuple(entry["new_grid_hw"]),
            height_to_width=entry.get("hw_ratio", 1),
            leading_tokens=leading,
        )
        assert_close(resized, outputs[name], **case.tolerance(), msg=lambda m, name=name: f"{name}: {m}")


@parametrize("pos_embed")
def test_backbone_of_a_dino_checkpoint(case: GoldenCase) -> None:
    inputs, outputs = case.load("inputs"), case.load("outputs")
    stated = re.search(r"-> (\d+)x(\d+) grid.*hw_ratio (\d+)", case.settings.get("dino_checkpoint", ""))
    if stated is None:
        pytest.skip("this case holds no checkpoint of a backbone")
    rows, columns, ratio = (int(number) for number in stated.groups())
    loaded = {key.removeprefix("dino_loaded/"): value for key, value in outputs.items() if key.startswith("dino_")}
    for name, value in loaded.items():
        ours = inputs[f"dino_checkpoint/{name}"]
        if name == "pos_embed":
            ours = resize_position_table(ours, (rows, columns), height_to_width=ratio)
        assert_close(ours, value, **case.tolerance())
        assert torch.isfinite(ours).all()
