"""What a journal tells of its run, for people: questions, samples, votes, and where time went."""

from __future__ import annotations

from simulations.runs.gold import GOLD_HELP, with_gold
from simulations.runs.reading import read_run, run_of
from simulations.runs.run import End, Outcome, Probed, QuestionRun, Run, SampleRun
from simulations.runs.uses import Shares, Use, share_out

__all__ = [
    "GOLD_HELP",
    "End",
    "Outcome",
    "Probed",
    "QuestionRun",
    "Run",
    "SampleRun",
    "Shares",
    "Use",
    "read_run",
    "run_of",
    "share_out",
    "with_gold",
]
