"""Calling a converter by its name, with options that come as text or from a recipe."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from resight.data.convert import CONVERTERS
from resight.data.manifest import Manifest
from resight.data.validation import Progress
from resight.errors import DataError


def convert(
    name: str, source: Path, options: Mapping[str, object] | None = None, *, progress: Progress | None = None
) -> Manifest:
    """The manifest that the converter of that name makes.

    Args:
        name: of the converter, see `CONVERTERS`.
        source: folder or file of the data set.
        options: of the converter, by name. Text is turned into the type that the converter's signature asks for.
        progress: handed to a converter that takes one.

    Raises:
        DataError: if there is no such converter or option (near names are given), a value is impossible, or the data
            cannot be read or has no rows.
    """
    converter = _converter(name)
    arguments = typed_options(name, options or {})
    if progress is not None and "progress" in inspect.signature(converter).parameters:
        arguments["progress"] = progress
    manifest = converter(source, **arguments)
    if not len(manifest):
        raise DataError(f"{source}: the converter {name} found no rows; is the data set complete?")
    return manifest


def parse_options(texts: Iterable[str]) -> dict[str, Any]:
    """`["strict=false", "columns.pid=who"]` as `{"strict": "false", "columns": {"pid": "who"}}`.

    Raises:
        DataError: if one is not of the form KEY=VALUE, or contradicts another.
    """
    result: dict[str, Any] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        name, dot, entry = key.partition(".")
        if not separator or not name or bool(dot) != bool(entry):
            raise DataError(
                f"expected an option KEY=VALUE, such as strict=false or columns.pid=identity, came {text!r}"
            )
        if not isinstance(result.get(name, {} if dot else None), dict if dot else type(None)):
            raise DataError(f"option {name} is given twice, the second time as {text!r}")
        if dot:
            result.setdefault(name, {})[entry] = value
        else:
            result[name] = value
    return result


def typed_options(name: str, options: Mapping[str, object]) -> dict[str, Any]:
    """The options of a converter, by name, each in the type that its signature asks for.

    Raises:
        DataError: if there is no such converter or option (near names are given), or a value is impossible.
    """
    known = _options(name)
    typed = {}
    for option, value in options.items():
        if option not in known:
            near = difflib.get_close_matches(option, known, n=2)
            all_of_them = f"it has {', '.join(known)}" if known else "it has none"
            hint = f"did you mean {' or '.join(near)}?" if near else all_of_them
            raise DataError(f"the converter {name} has no option {option}; {hint}")
        try:
            typed[option] = TypeAdapter(known[option]).validate_strings(_text(value))
        except ValidationError as error:
            message = error.errors()[0]["msg"]
            raise DataError(f"option {option} of the converter {name}: {message}, came {value!r}") from error
    return typed


def describe_options(name: str) -> list[str]:
    """The options of a converter and their defaults, as text: `size=800`, `crops=labeled|detected (detected)`."""
    parameters = inspect.signature(_converter(name)).parameters
    return [_described(option, kind, parameters[option].default) for option, kind in _options(name).items()]


def _described(option: str, kind: Any, default: Any) -> str:
    if get_origin(kind) is Literal:
        return f"{option}={'|'.join(map(str, get_args(kind)))} ({default})"
    plain = [part for part in get_args(kind) if part is not type(None)] or [kind]
    if get_origin(plain[0]) is not None:
        return f"{option}.NAME=..."
    shown = {Path: "PATH", int: "NUMBER", str: "TEXT"}.get(plain[0], plain[0].__name__)
    return f"{option}={shown if default is None else str(default).lower()}"


def _converter(name: str) -> Callable[..., Manifest]:
    if name not in CONVERTERS:
        near = difflib.get_close_matches(name, CONVERTERS, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(CONVERTERS)}"
        raise DataError(f"there is no converter {name!r}; {hint}")
    return CONVERTERS[name]


def _options(name: str) -> dict[str, Any]:
    """Option -> type."""
    converter = _converter(name)
    hints = get_type_hints(converter)
    parameters = inspect.signature(converter).parameters.values()
    wanted = [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    return {option: hints[option] for option in wanted if option != "progress"}


def _text(value: object) -> Any:
    """The value as it would stand on the command line."""
    if isinstance(value, Mapping):
        return {str(key): _text(entry) for key, entry in value.items()}
    return str(value).lower() if isinstance(value, bool) else str(value)
