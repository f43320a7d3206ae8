"""The report of a replay: one HTML file with pictures, tables and the command that made it."""

from __future__ import annotations

from simulations.report.page import write_report

__all__ = ["write_report"]
