import pytest
import torch
from torch import nn

from resight.train import GroupRule, create_optimizer, parameter_groups
from tests.train.toy import assert_same, toy_batch, toy_model, weights


def _names(groups: list[dict], model: nn.Module) -> list[set[str]]:
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [{names[id(parameter)] for parameter in group["params"]} for group in groups]


def test_biases_get_twice_the_rate_and_every_tensor_is_in_one_group() -> None:
    model = toy_model()
    groups = parameter_groups(model.named_parameters(), GroupRule(lr=0.01, weight_decay=1e-4))
    members = _names(groups, model)
    trainable = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert sum(len(names) for names in members) == len(trainable)
    assert set.union(*members) == trainable
    rates = {name: group["lr"] for group, names in zip(groups, members, strict=True) for name in names}
    assert all(rates[name] == (0.02 if "bias" in name else 0.01) for name in trainable)
    assert all(group["peak_lr"] == group["lr"] and group["weight_decay"] == 1e-4 for group in groups)


def test_frozen_parameters_are_left_out() -> None:
    model = toy_model()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen == {"necks.0.norm.bias"}, "BNNeck has a bias that does not learn"
    assert not frozen & set.union(*_names(parameter_groups(model.named_parameters(), GroupRule(lr=1)), model))


@pytest.mark.parametrize(
    ("rule", "name", "shape", "expected"),
    [
        (GroupRule(lr=1, weight_decay=0.5), "block.weight", (2, 2), (1, 0.5)),
        (GroupRule(lr=1, weight_decay=0.5), "block.bias", (2,), (2, 0.5)),
        (GroupRule(lr=1, weight_decay=0.5, bias_weight_decay=0.0), "block.bias", (2,), (2, 0.0)),
        (GroupRule(lr=1, weight_decay=0.5, bias_weight_decay=0.0), "norm.weight", (2,), (1, 0.5)),
        (GroupRule(lr=1, weight_decay=0.5, decay_vectors=False), "norm.weight", (2,), (1, 0.0)),
        (GroupRule(lr=1, weight_decay=0.5, decay_vectors=False), "block.weight", (2, 2), (1, 0.5)),
        (GroupRule(lr=1, weight_decay=0.5, classifier_lr_factor=3), "necks.0.classifier.weight", (2, 2), (3, 0.5)),
        # As in the official code, the classifier's factor is of the base rate, also for a bias.
        (GroupRule(lr=1, weight_decay=0.5, classifier_lr_factor=3), "classifier.bias", (2,), (3, 0.5)),
    ],
)
def test_rule(rule: GroupRule, name: str, shape: tuple[int, ...], expected: tuple[float, float]) -> None:
    assert rule.settings(name, nn.Parameter(torch.zeros(shape))) == expected


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_few_groups_train_as_one_group_per_tensor_does(name: str) -> None:
    rule = GroupRule(lr=0.01, weight_decay=0.1, bias_weight_decay=0.01)
    results = []
    for is_grouped in (True, False):
        model = toy_model(drop_path=0.0).train()
        groups = parameter_groups(model.named_parameters(), rule)
        if not is_grouped:
            groups = [{**group, "params": [one]} for group in groups for one in group["params"]]
            assert len(groups) > 20
        optimizer = create_optimizer(groups, name)  # type: ignore[arg-type]
        for step in range(3):
            output = model(toy_batch(0, step).images)
            assert output.logits is not None
            (output.logits.square().mean() + output.features.mean()).backward()
            optimizer.step()
            optimizer.zero_grad()
        results.append(weights(model))
    assert_same(*results)
    assert not torch.equal(results[0]["encoder.cls_token"], toy_model().state_dict()["encoder.cls_token"])


def test_optimizers_take_their_settings() -> None:
    groups = parameter_groups(toy_model().named_parameters(), GroupRule(lr=0.1))
    sgd = create_optimizer(groups, "sgd", momentum=0.8)
    assert isinstance(sgd, torch.optim.SGD)
    assert {group["momentum"] for group in sgd.param_groups} == {0.8}
    adam = create_optimizer(groups, "adam", betas=(0.5, 0.6))
    assert type(adam) is torch.optim.Adam
    assert {group["betas"] for group in adam.param_groups} == {(0.5, 0.6)}
    assert type(create_optimizer(groups, "adamw")) is torch.optim.AdamW


def test_unknown_optimizer_names_the_known_ones() -> None:
    groups = parameter_groups(toy_model().named_parameters(), GroupRule(lr=0.1))
    with pytest.raises(ValueError, match="'lion'; choose sgd, adam"):
        create_optimizer(groups, "lion")  # type: ignore[arg-type]
