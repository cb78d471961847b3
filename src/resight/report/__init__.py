"""Numbers in, pictures and one self-contained HTML page out."""

from resight.report.figures import rank_list_figure
from resight.report.page import write_page
from resight.report.run_result import RunResult

__all__ = ["RunResult", "rank_list_figure", "write_page"]
