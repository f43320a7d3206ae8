"""Programs that a sandbox must survive, each with how it has to end."""

from __future__ import annotations

from abuses.answers import ANSWERS
from abuses.endings import ENDINGS
from abuses.files import FILES
from abuses.kernel import KERNEL
from abuses.loops import LOOPS
from abuses.memory import MEMORY
from abuses.output import OUTPUT
from abuses.processes import PROCESSES
from abuses.sources import SOURCES
from abuses.spoiling import SPOILING

ABUSES = [
    *PROCESSES,
    *FILES,
    *KERNEL,
    *MEMORY,
    *OUTPUT,
    *ANSWERS,
    *LOOPS,
    *ENDINGS,
    *SOURCES,
    *SPOILING,
]
