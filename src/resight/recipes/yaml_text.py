"""YAML in which no key stands twice."""

from typing import Any

import yaml

_MERGE = "tag:yaml.org,2002:merge"  # of `<<`


class _UniqueKeys(yaml.SafeLoader):
    def compose_mapping_node(self, anchor: Any) -> Any:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            name, line = (key.tag, key.value), key.start_mark.line + 1
            if name in lines:
                raise yaml.YAMLError(f"the key {key.value!r} stands twice, in line {lines[name]} and line {line}")
            lines[name] = line
        return node


def parse_yaml(text: str) -> Any:
    """The value that a text in YAML holds. The plain loader keeps the last of equal keys and says nothing.

    Raises:
        yaml.YAMLError: if it is no YAML, or a key stands twice in a mapping; it names the key and the lines.
    """
    return yaml.load(text, Loader=_UniqueKeys)
