from pathlib import Path

import pytest
import yaml

from resight.errors import RecipeError
from resight.recipes import RECIPES, TrainRecipe, load_recipe, update
from resight.recipes.build import dump_recipe
from resight.recipes.resolve import differences, known_keys, merge, parse_overrides


def _write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("override", "section", "key", "expected"),
    [
        ("model.stride=12", "model", "stride", 12),
        ("optimizer.lr=1e-4", "optimizer", "lr", 1e-4),
        ("optimizer.betas=[0.8, 1e-3]", "optimizer", "betas", (0.8, 1e-3)),
        ("model.image_size=[32, 16]", "model", "image_size", (32, 16)),
        ("model.jigsaw=true", "model", "jigsaw", True),
        ("loss.margin=0.3", "loss", "margin", 0.3),
        ("loss.margin=null", "loss", "margin", None),
        ("train.clip_norm=1e-1", "train", "clip_norm", 0.1),
        ("model.name=deit_small", "model", "name", "deit_small"),
        ("data.source=a=b.csv", "data", "source", Path("a=b.csv")),
        ("model.shape={width: 24, qkv_bias: false}", "model", "shape", {"width": 24, "qkv_bias": False}),
        ("model.shape.mlp_ratio=1e0", "model", "shape", {"mlp_ratio": 1.0}),
    ],
)
def test_overrides(override: str, section: str, key: str, expected: object) -> None:
    value = getattr(getattr(load_recipe("market1501_baseline", [override]), section), key)
    assert value == expected
    assert type(value) is type(expected) or isinstance(expected, Path)


def test_the_last_override_wins_and_the_rest_stays() -> None:
    recipe = load_recipe("vehicle_transreid", ["train.epochs=3", "train.epochs=4"])
    assert recipe.train.epochs == 4
    base = RECIPES["vehicle_transreid"]()
    assert recipe == base.model_copy(update={"train": base.train.model_copy(update={"epochs": 4})})


def test_any_value_can_be_overridden() -> None:
    recipe = TrainRecipe()
    for key in known_keys(TrainRecipe):
        value = recipe.model_dump(mode="json")
        for part in key.split("."):
            value = value[part]
        text = yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()
        assert load_recipe("market1501_baseline", [f"{key}={text}"]) is not None, key


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.strid=12", r"no key 'model\.strid'; did you mean model\.stride"),
        ("epochs=3", r"no key 'epochs'; did you mean train\.epochs\?"),
        ("stride=3", r"did you mean model\.stride\?"),
        ("tarin.epochs=3", r"no key 'tarin\.epochs'; did you mean train\.epochs\?"),
        ("lerning_rate=3", r"no key 'lerning_rate'"),
        ("zzzzzzzz=3", r"`resight recipes NAME` prints all keys"),
        ("model=vit_base", r"model is a section, not a value; it has model\.name, "),
        ("model.stride", r"expected section\.key=value, got 'model\.stride'"),
        ("=3", r"expected section\.key=value"),
        ("model.image_size=[1,", r"not valid YAML"),
        ("model..stride=3", r"no key 'model\.\.stride'; did you mean model\.stride"),
        ("train.epochs=many", r"train\.epochs: input should be a valid integer.*got 'many'"),
        ("train.epochs=", r"train\.epochs: .*got None"),
        ("train.epochs=0", r"train\.epochs: input should be greater than or equal to 1, got 0"),
        ("train.epochs=2.5", r"train\.epochs: .*got 2\.5"),
        ("train.precision=fp8", r"train\.precision: .*'fp32', 'bf16' or 'fp16', got 'fp8'"),
        ("model.image_size=[32]", r"model\.image_size"),
        ("model.image_size=[0, 32]", r"model\.image_size\.0: .*got 0"),
        ("augment.std=[0.5, 0, 0.5]", r"augment\.std\.1: .*greater than 0"),
        ("train.clip_norm=0", r"train\.clip_norm"),
        ("model.shape={width: wide}", r"model\.shape\.width"),
        ("model.shape={width: 1, width: 2}", r"the key 'width' stands twice, in line 1 and line 1"),
        ("optimizer.betas=[2, 2]", r"optimizer\.betas\.0: .*less than 1, got 2"),
        ("optimizer.lr=.inf", r"optimizer\.lr: .*finite"),
        ("optimizer.bias_weight_decay=-1", r"optimizer\.bias_weight_decay"),
        ("augment.erase_area=[0.9, 0.1]", r"  augment: erase_area is \[smallest, largest\] share"),
        ("augment.erase_area=[0, 0.1]", r"  augment: erase_area is"),
        ("augment.translation=2", r"augment\.translation"),
        ("schedule.milestones=[70, 40]", r"  schedule: milestones are epochs that ascend, not \[70\.0, 40\.0\]"),
        ("schedule.milestones=[-1]", r"schedule\.milestones\.0"),
        ("loss.margin=-1", r"loss\.margin"),
        ("loss={identity_weight: 0, triplet_weight: 0}", r"  loss: no weight tells identities apart: all are 0"),
        ("train.seed=9223372036854775808", r"train\.seed"),
    ],
)
def test_bad_overrides(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe("market1501_baseline", [override])


def test_all_impossible_values_are_listed_at_once() -> None:
    with pytest.raises(RecipeError, match=r"(?s)train\.epochs: .*model\.stride: |model\.stride: .*train\.epochs: "):
        load_recipe("market1501_baseline", ["train.epochs=0", "model.stride=-1"])


def test_unknown_recipe_names_the_near_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe named 'market_transreid'; did you mean .*market1501_transreid"):
        load_recipe("market_transreid")
    with pytest.raises(RecipeError, match=r"`resight recipes` lists them\. A recipe of your own"):
        load_recipe("qqqqqqqq")


def test_file_with_base(tmp_path: Path) -> None:
    path = _write(tmp_path, "base: vehicle_transreid\ntrain: {epochs: 7}\noptimizer:\n  lr: 1e-4\naugment:\n")
    recipe = load_recipe(path, ["model.stride=16"])
    assert (recipe.train.epochs, recipe.optimizer.lr, recipe.model.stride) == (7, 1e-4, 16)
    assert recipe.model.jigsaw
    assert recipe.augment == RECIPES["vehicle_transreid"]().augment


def test_file_without_base_starts_from_the_defaults(tmp_path: Path) -> None:
    assert load_recipe(_write(tmp_path, "title: '2024'")) == TrainRecipe(title="2024")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: nothing_like_it", r"mine\.yaml: there is no recipe named 'nothing_like_it'"),
        ("modle: {stride: 12}", r"mine\.yaml: a recipe has no key 'modle\.stride'; did you mean model\.stride"),
        ("model: {strid: 12}", r"mine\.yaml: a recipe has no key 'model\.strid'; did you mean model\.stride"),
        ("data: {cache: -1}", r"mine\.yaml: .*\n  data\.cache: .*greater than or equal to 0"),
        ("train: {epochs: -1}", r"mine\.yaml: the recipe has impossible values\n  train\.epochs"),
        ("- a\n- b", r"expected a mapping of sections .* got list"),
        ("", r"expected a mapping of sections .* got NoneType"),
        ("model: [1", r"not valid YAML"),
        ("title:", r"title: .*got None"),
        (
            "train:\n  seed: 1\n  epochs: 2\n  seed: 3",
            r"mine\.yaml .*the key 'seed' stands twice, in line 2 and line 4",
        ),
        ("3: 4", r"no key '3'"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(_write(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"there is no recipe file .*none\.yaml"):
        load_recipe(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_a_dumped_recipe_is_the_same_recipe(tmp_path: Path, name: str) -> None:
    recipe = load_recipe(name, ["optimizer.lr=1e-5", "data.source=/somewhere"])
    path = _write(tmp_path, yaml.safe_dump(dump_recipe(recipe)))
    assert load_recipe(path) == recipe


def test_dump_makes_the_source_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert dump_recipe(update(TrainRecipe(), {"data": {"source": "a.csv"}}))["data"]["source"] == str(
        tmp_path / "a.csv"
    )


def test_merge_leaves_its_arguments_alone() -> None:
    base, changes = {"a": {"b": 1}}, {"a": {"c": 2}}
    assert merge(base, changes) == {"a": {"b": 1, "c": 2}}
    assert (base, changes) == ({"a": {"b": 1}}, {"a": {"c": 2}})
    assert parse_overrides([]) == {}


def test_differences_are_what_merge_needs() -> None:
    base = {"a": {"b": 1, "c": {}}, "d": 2, "e": {"f": 3}}
    changed = {"a": {"b": 1, "c": {"x": None}}, "d": 4, "e": {"f": 3}}
    assert differences(base, changed) == {"a": {"c": {"x": None}}, "d": 4}
    assert merge(base, differences(base, changed)) == changed
    assert differences(base, base) == {}


def test_contrast_needs_two_images_of_an_identity() -> None:
    overrides = ["loss.contrastive_weight=0.5", "sampler.images_per_id=1"]
    with pytest.raises(RecipeError, match=r"\n  loss\.contrastive_weight needs two images .*sampler\.images_per_id=2"):
        load_recipe("market1501_baseline", overrides)
    assert load_recipe("market1501_baseline", overrides[1:]).sampler.images_per_id == 1


def test_base_may_be_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "first.yaml").write_text("base: vehicle_transreid\ntrain: {epochs: 7, seed: 5}")
    (tmp_path / "second.yml").write_text("base: below/first.yaml\ntrain: {seed: 6}")
    recipe = load_recipe(_write(tmp_path, "base: second.yml\nmodel: {stride: 16}"))
    assert (recipe.train.epochs, recipe.train.seed, recipe.model.stride) == (7, 6, 16)
    assert recipe.augment == RECIPES["vehicle_transreid"]().augment
    with pytest.raises(RecipeError, match=r"mine\.yaml: there is no recipe file .*none\.yaml"):
        load_recipe(_write(tmp_path, "base: none.yaml"))


def test_base_cannot_lead_back(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("base: mine.yaml")
    with pytest.raises(RecipeError, match=r"a\.yaml: base: mine\.yaml leads back to .*mine\.yaml"):
        load_recipe(_write(tmp_path, "base: a.yaml"))
    with pytest.raises(RecipeError, match="leads back"):
        load_recipe(_write(tmp_path, "base: mine.yaml"))
