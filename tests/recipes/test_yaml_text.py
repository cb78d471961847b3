import pytest
import yaml

from resight.recipes.yaml_text import parse_yaml


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' stands twice, in line 1 and line 3"),
        ("a: {b: 1, c: {d: 1,\n d: 2}}", "the key 'd' stands twice, in line 1 and line 2"),
        ("- {1: a, 1: a}", "the key '1' stands twice"),
    ],
)
def test_a_key_that_stands_twice(text: str, message: str) -> None:
    with pytest.raises(yaml.YAMLError, match=message):
        parse_yaml(text)


@pytest.mark.parametrize(
    "text", ["a: {b: 1}\nc: {b: 1}", "x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}", "[1, {}]", "", "1e-4"]
)
def test_anything_else_is_what_the_plain_loader_reads(text: str) -> None:
    assert parse_yaml(text) == yaml.safe_load(text)


def test_nothing_but_plain_values() -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml("!!python/object/apply:os.getcwd []")
