"""Numbers in, pictures and one self-contained HTML page out."""

from resight.report.collect import collect_figures
from resight.report.figure_data import FigureData
from resight.report.figures import rank_list_figure
from resight.report.page import write_page
from resight.report.run_result import RunResult

__all__ = ["FigureData", "RunResult", "collect_figures", "rank_list_figure", "write_page"]
