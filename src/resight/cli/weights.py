"""`resight weights`: what a weight file holds, and models made of it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from resight.cli.console import note, out, print_json

if TYPE_CHECKING:
    from resight.models import ReIDModel
    from resight.models.weights import WeightFile
    from resight.models.weights.description import NetDescription

app = typer.Typer(
    no_args_is_help=True,
    help="Look into weight files, and make models of them.",
    epilog="Example: resight weights inspect transformer_120.pth",
)

File = Annotated[Path, typer.Argument(help="Weight file (.pth, .pt, .bin, .safetensors), model folder or run folder.")]
Student = Annotated[bool, typer.Option("--student", help="Of a file with teacher and student: take the student.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command()
def inspect(
    file: File,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Also: what this model would take of it.")] = None,
    student: Student = False,
    json: Json = False,
) -> None:
    """Say what a weight file is: its kind, its net, its cameras and classes. No code in it is run.

    Example: resight weights inspect transformer_120.pth --model vit_base
    """
    from resight.models.weights import read_weights
    from resight.models.weights.description import describe, names_that_fit
    from resight.models.weights.matching import match_weights

    content = read_weights(file, network="student" if student else "teacher")
    found = describe(content)
    report = None if model is None else match_weights(_fresh_model(model, found), content)[0]
    numbers = {
        "file": str(file),
        "kind": content.kind,
        "tensors": len(content.state) + len(content.left_out),
        "used": len(content.state),
        "values": sum(tensor.numel() for tensor in content.state.values()),
        "about": dict(content.about),
        "net": None if found is None else found.to_json(),
        "models": names_that_fit(content),
    }
    if json:
        print_json({**numbers, "report": None if report is None else report.to_json()})
        return
    for line in _lines(content, found, numbers):
        out.print(line)
    if report is not None:
        out.print(report.summary())


@app.command()
def convert(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", help="Model folder to write.")],
    recipe: Annotated[
        str, typer.Option("--recipe", "-r", help="What it was trained with: name of a recipe, or .yaml.")
    ],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="section.key=value, as many as you like.", show_default=False)
    ] = None,
    cameras: Annotated[str | None, typer.Option(help="Names, in order: a,b,c.", show_default="1,2,3 ...")] = None,
    views: Annotated[str | None, typer.Option(help="Names, in order: a,b.", show_default="0,1,2 ...")] = None,
    data: Annotated[
        Path | None, typer.Option("--data", "-d", help="Take both from the training rows of this manifest or data set.")
    ] = None,
    student: Student = False,
    json: Json = False,
) -> None:
    """Make a model folder of a weight file, such as one that the official code left.

    Example: resight weights convert transformer_120.pth -o model -r market1501_transreid_stride
    """
    from resight.models.weights import read_weights
    from resight.recipes import load_recipe
    from resight.recipes.convert import convert_weights

    settings = load_recipe(recipe, overrides or [])
    if data is not None:
        camera_names, view_names = _names_of(data, settings.data.format)
    else:
        camera_names, view_names = _named("--cameras", cameras), _named("--views", views)
    content = read_weights(file, network="student" if student else "teacher")
    embedder, report = convert_weights(content, settings, cameras=camera_names, views=view_names)
    embedder.save(output)
    if json:
        print_json({"model": output, "report": report.to_json()})
    else:
        note(report.summary())
        note(f"model: {output}")


def _named(option: str, text: str | None) -> tuple[str, ...]:
    """The names in `a,b,c`."""
    names = tuple(name.strip() for name in text.split(",")) if text else ()
    if not all(names) or len(set(names)) < len(names):
        raise typer.BadParameter(f"{option}: expected different names with commas between them, came {text!r}")
    return names


def _names_of(data: Path, format: str | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cameras and views of the training rows."""
    from resight.data.dataset import Vocabulary
    from resight.recipes.build import read_source

    names = Vocabulary.of(read_source(data, format).split("train"))
    return names.cameras, names.views


def _fresh_model(name: str, found: "NetDescription | None") -> "ReIDModel":
    """A model of that name, with the branches, grid and counts of the file if it can have them."""
    from resight.models import create_model

    if found is None:
        return create_model(name, num_classes=0)
    settings: dict[str, Any] = {"num_classes": found.num_classes, "num_cameras": found.side_rows}
    if found.sizes:
        settings["image_size"], settings["stride"] = found.sizes[0]
    if found.has_parts:
        settings |= {"jigsaw": True} | ({"jigsaw_parts": found.num_branches - 1} if found.num_branches > 1 else {})
    try:
        return create_model(name, **settings)
    except ValueError:  # such as a ResNet, which has neither stride nor cameras
        return create_model(name, num_classes=found.num_classes)


def _lines(content: "WeightFile", found: "NetDescription | None", numbers: dict[str, Any]) -> list[str]:
    lines = [f"kind: {content.kind}"]
    lines += [f"{name}: {value}" for name, value in content.about.items() if name != "settings"]
    lines.append(f"tensors: {numbers['tensors']}, of use here {numbers['used']} with {numbers['values']:,} values")
    if found is None:
        lines.append("net: no plain ViT")
    else:
        stem = "convolution stem" if found.patch_size is None else f"patch {found.patch_size}"
        ratio, bias = f"MLP ratio {found.mlp_ratio:g}", "" if found.qkv_bias else ", no qkv bias"
        lines.append(f"net: ViT of width {found.width}, depth {found.depth}, {ratio}, {stem}{bias}")
        grid = "a grid that cannot be told" if found.grid is None else f"a grid of {found.grid[0]}x{found.grid[1]}"
        sizes = " or ".join(f"{size[0]}x{size[1]} at stride {stride}" for size, stride in found.sizes)
        lines.append(f"positions: {found.positions} rows, {grid}" + (f", as of {sizes}" if sizes else ""))
        parts = f"{found.num_branches - 1} parts" if found.num_branches > 1 else "parts whose number cannot be told"
        lines.append(f"jigsaw: {parts if found.has_parts else 'none'}")
        lines.append(f"side information: {f'{found.side_rows} cameras x views' if found.side_rows else 'none'}")
        lines.append(f"classes: {found.num_classes or 'none'}")
    lines.append(f"fits: {', '.join(numbers['models']) or 'none of the named models'}")
    reasons: dict[str, int] = {}
    for reason in content.left_out.values():
        reasons[reason] = reasons.get(reason, 0) + 1
    return lines + [f"not needed: {count} tensors, {reason}" for reason, count in reasons.items()]
