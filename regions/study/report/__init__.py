"""The main job: shallow and deep networks compared by their exact activation regions, as HTML, Markdown and JSON.

It may import what studies may, comparisons too; they never import it.
"""

from __future__ import annotations

from regions.errors import OptionError
from regions.study.options import ReportOptions
from regions.study.report.result import SCHEMA, Report
from regions.study.report.study import make_report

__all__ = ["SCHEMA", "OptionError", "Report", "ReportOptions", "make_report"]
