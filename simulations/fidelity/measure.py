"""Laying a live run and its replay side by side."""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING

import numpy as np

from scheduler import StartSample
from simulations.fidelity.course import Parts, parts_of, probe_delays, samples_of
from simulations.fidelity.playing import play_each, play_freely
from simulations.fidelity.results import Fidelity, QuestionFidelity, Side, Thing, Total

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from scheduler import LatencyProfile
    from simulations.fidelity.course import Course, SampleTimes
    from simulations.fidelity.live import LiveQuestion, LiveRun
    from simulations.fidelity.playing import Played
    from simulations.fidelity.results import Draws


def measure(run: LiveRun, profile: LatencyProfile, draws: Draws | None = None) -> Fidelity:
    """Replay a live run and compare.

    Args:
        run: What happened.
        profile: What the engine is said to cost.
        draws: The same with samples of other runs, to be put beside.
    """
    each = play_each(run, profile)
    free = play_freely(run, profile)
    questions = [_question(live, played) for live, played in zip(run.answered, each, strict=True)]
    errors = [abs(q.error_percent) for q in questions if q.error_percent is not None]
    header = run.header
    notes = list(run.notes)
    if header.profile is not None and header.profile != profile.name:
        notes.append(f"the run planned with profile {header.profile}, its replay {profile.name}")
    return Fidelity(
        journal=run.path.name,
        model=header.model,
        engine=header.engine,
        gpu=header.gpu,
        policy=header.policy or "",
        profile=profile.name,
        live_profile=header.profile,
        questions=questions,
        total=_total(questions, free),
        median_error_percent=float(np.median(errors)) if errors else None,
        p90_error_percent=float(np.quantile(errors, 0.9)) if errors else None,
        live_parts=_mean_parts([question.live.parts for question in questions]),
        replay_parts=_mean_parts([question.replay.parts for question in questions]),
        things=list(_things(questions)),
        draws=draws,
        notes=notes,
    )


def _question(question: LiveQuestion, played: Played) -> QuestionFidelity:
    live, replay = _side(question.course), _side(played.course)
    error_s = replay.seconds - live.seconds
    # What starts no sample takes no time of the engine's, which is all that is predicted.
    compares = live.started > 0 and live.seconds > 0.0
    return QuestionFidelity(
        position=question.position,
        question_id=question.opened.question_id,
        opened_s=question.course.opened_s,
        live=live,
        replay=replay,
        error_s=error_s,
        error_percent=100.0 * error_s / live.seconds if compares else None,
        same_answer=live.answer == replay.answer,
        ran_out=played.ran_out,
        missing=played.missing,
        failed=question.failed,
        faults=question.faults,
        notes=list(_notes(question, played, live, replay)),
    )


def _side(course: Course) -> Side:
    submit = course.submit
    assert submit is not None  # noqa: S101 - only answered questions are compared
    at_s, action = submit
    return Side(
        seconds=at_s - course.opened_s,
        answer=action.answer,
        reason=action.reason.value,
        started=sum(isinstance(action, StartSample) for _, action in course.actions),
        parts=parts_of(course),
        samples=samples_of(course),
        probes_s=probe_delays(course),
    )


def _notes(question: LiveQuestion, played: Played, live: Side, replay: Side) -> Iterator[str]:
    if played.ran_out:
        yield f"{played.ran_out} ran out"
    if played.missing:
        yield f"{played.missing} not logged"
    if live.reason != replay.reason:
        yield f"{live.reason} → {replay.reason}"
    if question.failed:
        yield f"{question.failed} failed live"
    if question.faults:
        yield f"{question.faults} live {'fault' if question.faults == 1 else 'faults'}"


def _total(questions: Sequence[QuestionFidelity], free: Sequence[Played]) -> Total:
    live_s = sum(question.live.seconds for question in questions)
    each_s = sum(question.replay.seconds for question in questions)
    free_s = sum(played.seconds for played in free)
    return Total(
        live_s=live_s,
        each_s=each_s,
        free_s=free_s,
        error_percent=_percent(free_s, live_s),
        each_error_percent=_percent(each_s, live_s),
    )


def _percent(replay_s: float, live_s: float) -> float:
    return 100.0 * (replay_s - live_s) / live_s if live_s else 0.0


def _mean_parts(parts: Sequence[Parts]) -> Parts:
    return Parts(*np.mean([astuple(one) for one in parts], axis=0).tolist())


# Single things.


def _things(questions: Iterable[QuestionFidelity]) -> Iterator[Thing]:
    """Give the mean of each kind of thing that was measured in both worlds."""
    found: dict[str, list[tuple[float, float]]] = {}

    def add(name: str, live: float | None, replay: float | None) -> None:
        if live is not None and replay is not None:
            found.setdefault(name, []).append((live, replay))

    for question in questions:
        pairs = list(_pairs(question))
        for live, replay in pairs:
            add("first token after its start", _wait(live), _wait(replay))
        for live, replay in pairs:
            if live.width is not None:
                add(_width_name(live.width), live.step_s, replay.step_s)
        for live, replay in pairs:
            add("end after the last token", *_end(live, replay))
            add("stop until let go", live.let_go_s, replay.let_go_s)
        for live_s, replay_s in zip(question.live.probes_s, question.replay.probes_s, strict=False):
            add("probe until answered", live_s, replay_s)
    for name in sorted(found, key=_order):
        live_s, replay_s = np.mean(found[name], axis=0).tolist()
        yield Thing(name=name, count=len(found[name]), live_s=live_s, replay_s=replay_s)


def _pairs(question: QuestionFidelity) -> Iterator[tuple[SampleTimes, SampleTimes]]:
    replayed = {times.sample: times for times in question.replay.samples}
    for live in question.live.samples:
        if live.sample in replayed:
            yield live, replayed[live.sample]


def _wait(times: SampleTimes) -> float | None:
    return None if times.first_token_s is None else times.first_token_s - times.asked_s


def _end(live: SampleTimes, replay: SampleTimes) -> tuple[float | None, float]:
    """Return what a sample's end took beyond its last tokens; a replay takes nothing for it.

    The last tokens cost what they cost in the replay, at the live pace of those before.
    """
    same = live.tokens == replay.tokens
    if not same or live.tail_s is None or replay.tail_s is None:
        return None, 0.0
    if not live.step_s or not replay.step_s:
        return None, 0.0
    return live.tail_s - replay.tail_s * live.step_s / replay.step_s, 0.0


_STEP = "step, width "


def _width_name(width: float) -> str:
    """Name the band of powers of two that a mean width lies in."""
    high = 1
    while high < round(width):
        high *= 2
    low = high // 2 + 1
    return f"{_STEP}{low}" if low >= high else f"{_STEP}{low}–{high}"


_NAMES = ("first token after its start", _STEP, "end after the last token", "probe", "stop")


def _order(name: str) -> tuple[int, int]:
    place = next(place for place, start in enumerate(_NAMES) if name.startswith(start))
    width = name.removeprefix(_STEP).partition("–")[0]
    return place, int(width) if width.isdigit() else 0
