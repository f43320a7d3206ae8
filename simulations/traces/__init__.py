"""Traces: logged generations in a folder, read strictly, written whole, imported and described.

`import_jsonl` makes a trace of JSON lines, `from_journals` of journals, `read_trace` and
`write_trace` hold its format, `describe` sums it up. On the command line:
`python -m simulations.traces --help`.
"""

from __future__ import annotations

from simulations.traces.describe import Description, describe, description_table
from simulations.traces.errors import TraceError
from simulations.traces.folder import Trace
from simulations.traces.header import Header
from simulations.traces.journal import JournalsMade, from_journals
from simulations.traces.jsonl import import_jsonl
from simulations.traces.read import read_trace
from simulations.traces.schema import (
    CHECKPOINTS,
    FEATURE_PREFIX,
    FORMAT,
    QUESTIONS,
    SAMPLES,
    SEGMENTS,
    TABLES,
    Column,
    Table,
)
from simulations.traces.write import write_trace

__all__ = [
    "CHECKPOINTS",
    "FEATURE_PREFIX",
    "FORMAT",
    "QUESTIONS",
    "SAMPLES",
    "SEGMENTS",
    "TABLES",
    "Column",
    "Description",
    "Header",
    "JournalsMade",
    "Table",
    "Trace",
    "TraceError",
    "describe",
    "description_table",
    "from_journals",
    "import_jsonl",
    "read_trace",
    "write_trace",
]
