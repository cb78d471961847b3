"""The options of `resight evaluate`, by what they are about; each is a type that says how it is read and explained."""

from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import typer

_PROTOCOL: Final = "Protocol; where nothing is said, as the model was trained"
_RERANKING: Final = "Re-ranking"
_DETAILS: Final = "Details"
_OUTPUT: Final = "Output"

Model: TypeAlias = Annotated[str, typer.Argument(help="Model folder, run folder or hub id.")]
Data: TypeAlias = Annotated[
    Path, typer.Argument(help="Manifest with query and gallery rows, or a folder with --format.")
]
Format: TypeAlias = Annotated[
    str | None, typer.Option("--format", "-f", help="Converter for a folder, such as market1501.")
]
BatchSize: TypeAlias = Annotated[int, typer.Option(min=1)]
Workers: TypeAlias = Annotated[int, typer.Option(min=0, help="Processes that decode images.")]

Metric: TypeAlias = Annotated[
    Literal["squared_euclidean", "euclidean", "cosine"] | None,
    typer.Option(help="Distance of two embeddings.", rich_help_panel=_PROTOCOL),
]
MaxRank: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Ranks of the CMC that are kept.", rich_help_panel=_PROTOCOL)
]
CrossCamera: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--cross-camera/--any-camera",
        help="Leave out gallery rows of the query's own camera.",
        rich_help_panel=_PROTOCOL,
    ),
]
BothDirections: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--both-directions/--one-direction",
        help="Also gallery against query; report the mean.",
        rich_help_panel=_PROTOCOL,
    ),
]
Flip: TypeAlias = Annotated[
    bool | None, typer.Option("--flip/--no-flip", help="Average with the mirrored image.", rich_help_panel=_PROTOCOL)
]
MultiQuery: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--multi-query",
        help="Average each query with the images of its identity at its camera.",
        rich_help_panel=_PROTOCOL,
    ),
]

Reranked: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--rerank/--no-rerank",
        help="k-reciprocal re-ranking; TransReID's is --k1 50 --k2 15.",
        rich_help_panel=_RERANKING,
    ),
]
K1: TypeAlias = Annotated[
    int | None,
    typer.Option(min=1, help="Neighbours that re-ranking looks at; 20 if not said.", rich_help_panel=_RERANKING),
]
K2: TypeAlias = Annotated[
    int | None, typer.Option(min=1, help="Images that it averages; 6 if not said.", rich_help_panel=_RERANKING)
]
Lambda: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--lambda", min=0, max=1, help="Share of the old distance; 0.3 if not said.", rich_help_panel=_RERANKING
    ),
]

By: TypeAlias = Annotated[
    str | None, typer.Option(help="Also the numbers of each value of this column.", rich_help_panel=_DETAILS)
]
CameraTable: TypeAlias = Annotated[
    bool,
    typer.Option("--camera-pairs", help="Print the mAP of every pair of cameras.", rich_help_panel=_DETAILS),
]
ThresholdAtFpr: TypeAlias = Annotated[
    float | None,
    typer.Option(
        help="Distance below which this share (0 to 1) of the pairs of two identities lies.",
        rich_help_panel=_DETAILS,
    ),
]

Output: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder for numbers and page.",
        show_default="a folder in RUN/evaluations",
        rich_help_panel=_OUTPUT,
    ),
]
Page: TypeAlias = Annotated[
    Path | None, typer.Option(help="Write the HTML page here, and nothing into a folder.", rich_help_panel=_OUTPUT)
]
NoPage: TypeAlias = Annotated[
    bool, typer.Option("--no-page", help="Print alone; write nothing.", rich_help_panel=_OUTPUT)
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON.", rich_help_panel=_OUTPUT)]
