"""The stream with samples of other runs: what luck alone makes of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from simulations.fidelity.playing import play_freely
from simulations.fidelity.results import Draws, Spread
from simulations.pools import pools_of
from simulations.streams import shuffled
from simulations.traces.errors import TraceError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import LatencyProfile
    from simulations.fidelity.live import LiveRun
    from simulations.pool import LoggedQuestion, Pool
    from simulations.traces import Trace

LEVEL = 0.9
"""Share of the streams that an interval holds."""


def play_draws(
    run: LiveRun,
    profile: LatencyProfile,
    traces: Sequence[Trace],
    *,
    streams: int,
    seed: int,
    advance: Callable[[int], object] | None = None,
) -> Draws:
    """Play the stream freely, again and again, each time with other samples of its questions.

    Args:
        run: Whose stream it is.
        profile: What the engine is said to cost.
        traces: Of the same questions and model, not made of this run.
        streams: How often.
        seed: Of the draws.
        advance: Called with the number of streams played so far.

    Raises:
        TraceError: if the traces lack a question, or are of several models.
    """
    pools = pools_of(traces)
    if len(pools) != 1:
        models = ", ".join(pool.model for pool in pools)
        raise TraceError(f"argument --traces: must be of one model, got {models}")
    questions = _questions(run, pools[0])
    seconds = np.empty((streams, len(run.answered)))
    exhausted = 0
    for stream in range(streams):
        drawn = {
            live.position: shuffled(pools[0].model, question, seed, stream)
            for live, question in zip(run.answered, questions, strict=True)
        }
        played = play_freely(run, profile, drawn)
        seconds[stream] = [one.seconds for one in played]
        exhausted += sum(one.ran_out + one.missing > 0 for one in played)
        if advance is not None:
            advance(stream + 1)
    live = [question.until_s - question.course.opened_s for question in run.answered]
    return Draws(
        traces=[trace.digest for trace in traces],
        streams=streams,
        seed=seed,
        total=_spread(sum(live), seconds.sum(axis=1)),
        questions=[_spread(one, seconds[:, place]) for place, one in enumerate(live)],
        exhausted=exhausted,
    )


def _questions(run: LiveRun, pool: Pool) -> list[LoggedQuestion]:
    """Return each answered question as logged, the run's first arm first, as it was live.

    Samples are drawn without replacement: one that came twice would vote twice, at one moment. Of
    32 logged samples that fill 64 places a third stand there three times or more, and a rule that
    waits for a lead of three has it as soon as the first of those ends.
    """
    logged = {question.question_id: question for question in pool.questions}
    first = next(iter(run.header.arms), None)
    found = []
    for question in run.answered:
        question_id = question.opened.question_id
        if question_id not in logged:
            raise TraceError(
                f"argument --traces: hold no sample of question {shown(question_id)}, which "
                f"{run.path.name} answers"
            )
        found.append(_with_first(logged[question_id], first))
    return found


def _with_first(question: LoggedQuestion, arm: str | None) -> LoggedQuestion:
    """Put an arm first, where it was logged."""
    samples = question.samples
    if arm is None or arm not in samples:
        return question
    return msgspec.structs.replace(question, samples={arm: samples[arm], **samples})


def _spread(live_s: float, seconds: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Spread:
    tail = (1.0 - LEVEL) / 2.0
    low_s, median_s, high_s = np.quantile(seconds, [tail, 0.5, 1.0 - tail]).tolist()
    return Spread(
        live_s=live_s,
        median_s=median_s,
        low_s=low_s,
        high_s=high_s,
        inside=low_s <= live_s <= high_s,
    )
