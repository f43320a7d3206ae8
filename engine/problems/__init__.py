"""Problems with whole answers from a seed: the same for everybody, bit for bit.

On the command line: `python -m engine.problems --help`.
"""

from __future__ import annotations

from engine.problems.families import FAMILIES
from engine.problems.generate import LEVELS, Problem, ProblemsError, generate

__all__ = ["FAMILIES", "LEVELS", "Problem", "ProblemsError", "generate"]
