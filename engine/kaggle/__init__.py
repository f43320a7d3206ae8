"""The scheduler inside Kaggle's loop: a `predict` that keeps the clock.

Its parts: what a gateway sends and takes (`calls`), the function (`predict`), the stream behind
it (`stream`) in a thread of its own (`loop_thread`), the engine's way up (`loading`), the time
(`limits`), the number that is handed over (`choosing`), what survives a kill (`record`). For
trying: the gateway's double (`gateway`) with its rules (`judging`), an engine that pretends
(`pretend`), the command and what it shows (`command`, `tables`).
"""

from engine.kaggle.predict import Predict, make_dry_predict, make_predict

__all__ = ["Predict", "make_dry_predict", "make_predict"]
