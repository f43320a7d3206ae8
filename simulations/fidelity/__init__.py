"""How well the simulated world predicts the wall time of a live run.

A journal of `engine.solve` is replayed with its own samples, and each question's seconds are
laid beside those it took. On the command line: `python -m simulations.fidelity --help`.
"""

from __future__ import annotations

from simulations.fidelity.draws import play_draws
from simulations.fidelity.live import LiveQuestion, LiveRun, read_run
from simulations.fidelity.measure import measure
from simulations.fidelity.results import Fidelity, encode_fidelity

__all__ = [
    "Fidelity",
    "LiveQuestion",
    "LiveRun",
    "encode_fidelity",
    "measure",
    "play_draws",
    "read_run",
]
