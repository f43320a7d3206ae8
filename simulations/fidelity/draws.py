"""The stream with samples of other runs: what luck alone makes of its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulations.fidelity.playing import play_freely
from simulations.fidelity.results import Draws, Spread
from simulations.luck import Purpose, address_of, generator
from simulations.pools import pools_of
from simulations.traces.errors import TraceError, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from scheduler import LatencyProfile
    from simulations.fidelity.live import LiveRun
    from simulations.pool import LoggedSample, Pool
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
    samples = _samples(run, pools[0])
    seconds = np.empty((streams, len(run.answered)))
    exhausted = 0
    for stream in range(streams):
        drawn = {
            question.position: _drawn(pools[0].model, question.opened.question_id, stream, seed, of)
            for question, of in zip(run.answered, samples, strict=True)
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


def _samples(run: LiveRun, pool: Pool) -> list[Sequence[LoggedSample]]:
    """Return the logged samples of each answered question."""
    places = {question.question_id: place for place, question in enumerate(pool.questions)}
    found = []
    for question in run.answered:
        question_id = question.opened.question_id
        if question_id not in places:
            raise TraceError(
                f"argument --traces: hold no sample of question {shown(question_id)}, which "
                f"{run.path.name} answers"
            )
        found.append(pool.samples_of(places[question_id]))
    return found


def _drawn(
    model: str, question_id: str, stream: int, seed: int, samples: Sequence[LoggedSample]
) -> list[LoggedSample]:
    """Draw without replacement: a sample that came twice would vote twice, at one moment.

    Of 32 logged samples that fill 64 places a third stand there three times or more, and a rule
    that waits for a lead of three has it as soon as the first of those ends.
    """
    luck = generator(seed, stream, Purpose.SAMPLES, address_of(model, question_id))
    return [samples[place] for place in luck.permutation(len(samples)).tolist()]


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
