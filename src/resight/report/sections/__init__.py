"""The sections of a page: each is one function in a file of its own, and one template of the same name.

A function takes the runs and the page's pictures and returns what its template needs, or None to be left out. To add a
section, write both and add it to `SECTIONS`.
"""

from typing import Final

from resight.report.sections.attention import attention
from resight.report.sections.camera_pairs import camera_pairs
from resight.report.sections.changes import changes
from resight.report.sections.curves import curves
from resight.report.sections.distances import distances
from resight.report.sections.embedding_map import embedding_map
from resight.report.sections.rank_lists import rank_lists
from resight.report.sections.results import results
from resight.report.sections.section import Section
from resight.report.sections.settings import settings

SECTIONS: Final = (
    Section("results", "Results", results),
    Section("changes", "Queries that changed", changes),
    Section("curves", "Curves", curves),
    Section("rank_lists", "Rank lists", rank_lists),
    Section("camera_pairs", "Camera pairs", camera_pairs),
    Section("distances", "Distances", distances),
    Section("attention", "Attention", attention),
    Section("embedding_map", "Map of the embeddings", embedding_map),
    Section("settings", "Settings", settings),
)

__all__ = ["SECTIONS", "Section"]
