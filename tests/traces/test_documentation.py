"""The documentation of the format says what the code reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulations.traces import TABLES, Table

PAGE = Path(__file__).parents[2] / "docs" / "traces.md"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_documented_as_the_schema_says(table: Table) -> None:
    """Each column's row of the page holds its nullability and meaning word for word."""
    section = PAGE.read_text().split(f"### {table.file}\n")[1].split("\n### ")[0]
    for column in table.columns:
        (row,) = [line for line in section.splitlines() if line.startswith(f"| `{column.name}` |")]
        assert row.endswith(f"| {'yes' if column.nullable else 'no'} | {column.doc} |")
