"""What a run may switch on without changing what it learns: gradient checkpointing and compilation."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from resight.models import ReIDModel, create_model
from resight.train import Hooks, Trainer
from tests.train.toy import assert_same, state_of, toy_batch, toy_model, toy_trainer

needs_compiler = pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on a CPU")


def jigsaw(**options: Any) -> ReIDModel:
    shape = {"width": 12, "depth": 3, "heads": 3, "mlp_ratio": 2.0}
    parts = {"jigsaw": True, "jigsaw_parts": 2, "jigsaw_shift": 1, "num_cameras": 2, "stride": 12}
    return create_model("vit_nano", num_classes=3, image_size=(32, 32), shape=shape, **parts, **options)


def of_timm(name: str) -> Callable[..., ReIDModel]:
    return lambda **options: create_model(name, num_classes=3, image_size=(32, 32), **options)


NETS: dict[str, Callable[..., ReIDModel]] = {
    "vit with everything": jigsaw,
    "timm's vit": of_timm("test_vit"),
    "timm's convnext": of_timm("test_convnext"),
}


def trained(net: str, *, checkpointing: bool = False, drop_path: float = 0.0, **settings: Any) -> Trainer:
    torch.manual_seed(0)
    model = NETS[net](drop_path=drop_path)
    encoder: Any = model.encoder
    encoder.gradient_checkpointing = checkpointing
    trainer = toy_trainer(model=model, epochs=1, optimizer="sgd", **settings)
    trainer.fit()
    return trainer


def assert_close(first: Trainer, second: Trainer) -> None:
    expected = second.task.model.state_dict()
    for name, value in first.task.model.state_dict().items():
        torch.testing.assert_close(
            value, expected[name], rtol=1e-3, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_checkpointing_trains_the_same_with_fewer_activations(net: str, precision: str) -> None:
    """Also with stochastic depth: the second forward pass draws what the first one drew."""
    runs = {}
    for checkpointing in (False, True):
        kept: list[int] = []

        def count(tensor: torch.Tensor, kept: list[int] = kept) -> torch.Tensor:
            kept.append(tensor.numel())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
            runs[checkpointing] = trained(net, checkpointing=checkpointing, drop_path=0.4, precision=precision)
        runs[checkpointing].kept = sum(kept)  # type: ignore[attr-defined]
    assert_close(runs[True], runs[False])
    assert runs[True].kept < runs[False].kept  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "net", [name if name == "vit with everything" else pytest.param(name, marks=pytest.mark.slow) for name in NETS]
)
def test_a_compiled_and_checkpointed_model_is_one_graph(net: str) -> None:
    """`fullgraph` raises where a model would fall into pieces. Tracing alone, so it is quick."""
    torch._dynamo.reset()
    model = NETS[net](drop_path=0.0).train()
    encoder: Any = model.encoder
    encoder.gradient_checkpointing = True
    batch = toy_batch(0, 0)
    gradients = []
    for network in (torch.compile(model, backend="eager", fullgraph=True), model):
        model.zero_grad()
        network(batch.images, batch.cameras, batch.views, batch.labels).features.square().mean().backward()
        gradients.append({name: value.grad for name, value in encoder.named_parameters()})
    for name, value in gradients[0].items():
        assert value is not None, name
        torch.testing.assert_close(value, gradients[1][name], rtol=1e-3, atol=1e-5)


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize(
    ("net", "settings"),
    [
        *((net, {"checkpointing": True}) for net in NETS),
        ("vit with everything", {}),
        ("vit with everything", {"precision": "bf16"}),
        ("vit with everything", {"accumulation": 2, "mining": "joined"}),
    ],
)
def test_really_compiled_it_trains_the_same(net: str, settings: dict[str, Any]) -> None:
    """Compares the way that each tensor went: other kernels add in another order, and each step builds on the last."""
    torch._dynamo.reset()
    compiled = trained(net, compile=True, **settings)
    assert list(compiled.task.model.state_dict()) == list(NETS[net](drop_path=0.0).state_dict()), "no wrapper's names"
    plain = trained(net, **settings)
    torch.manual_seed(0)
    start = NETS[net](drop_path=0.0).state_dict()
    end = plain.task.model.state_dict()
    for name, value in compiled.task.model.state_dict().items():
        way = torch.linalg.vector_norm((end[name] - start[name]).double())
        apart = torch.linalg.vector_norm((value - end[name]).double())
        assert apart <= 0.05 * way + 1e-6, name


@pytest.mark.slow
@needs_compiler
def test_a_compiled_run_stopped_and_resumed_ends_bitwise_the_same(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 2, "save_steps": 1, "compile": True}
    whole = toy_trainer(**settings)
    whole.fit()
    path, left = tmp_path / "last.pt", [3]

    def stop(*_: object) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise KeyError

    with pytest.raises(KeyError):
        toy_trainer(path, hooks=Hooks(on_step=stop), **settings).fit()
    again = toy_trainer(path, model=toy_model(seed=1), **settings)
    again.resume()
    again.fit()
    assert_same(state_of(again), state_of(whole))
