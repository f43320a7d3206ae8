"""The report of a replay: one HTML file with pictures, tables and the command that made it."""

from __future__ import annotations

from simulations.report.page import report_page, write_report

__all__ = ["report_page", "write_report"]
