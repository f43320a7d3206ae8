"""The command `python -m engine.generate`: draw samples of many questions into a journal."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.answers import AnswerKind
from engine.candidates import read_candidates
from engine.clock import StreamClock
from engine.generation import Drawn, Generation
from engine.header import arms_of, journal_header
from engine.journal import Journal
from engine.options import (
    USER_ERRORS,
    add_engine_options,
    add_sampling_options,
    chosen_names,
    count,
    make_rig,
)
from engine.plan import plan
from engine.questions import read_questions, with_canonical_gold
from engine.resume import resume
from scheduler import CallerError
from terminal.command import BAD_INPUT, Parser, announce, complain, typed
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

    from engine.arms import Arm
    from engine.candidates import Pair
    from engine.plan import Draw
    from engine.questions import Question
    from engine.rig import Rig
    from scheduler.journal import JournalLine

_PROG = "python -m engine.generate"

_EPILOG = f"""The journal holds every sample with its answer, entropies and text. A start with the
same --out goes on where the last one ended; samples that were under way are drawn anew.

examples:
  {_PROG} --questions aime.csv --model Qwen/Qwen3-8B --samples 32 --out aime.journal.jsonl
  {_PROG} --questions q.jsonl --model ./model --samples 64 --probe-every 256 --out q.journal.jsonl
  {_PROG} --questions q.jsonl --model ./model --samples 16 --arm default --arm code --out both.jsonl
  {_PROG} --questions q.jsonl --model ./model --samples 4 --arm verifier --candidates pairs.jsonl \\
      --out judged.jsonl
  python -m simulations.traces from-journal aime.journal.jsonl traces/aime
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        drawn = asyncio.run(_generate(options, typed(parser, argv)))
    except USER_ERRORS as error:
        complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 1
    sys.stderr.write(f"{drawn.samples} samples, {drawn.tokens:,} tokens\n")
    announce(options.out)
    if drawn.failed:
        sys.stderr.write(f"{drawn.failed} samples failed: the same command draws them anew\n")
        return 1
    return 0


async def _generate(options: argparse.Namespace, command: str) -> Drawn:
    questions = with_canonical_gold(read_questions(options.questions), AnswerKind(options.answers))
    rig = make_rig(options, probe_every_tokens=options.probe_every, several=True)
    rig = replace(rig, arms={name: rig.arms[name] for name in chosen_names(options, several=True)})
    pairs = _pairs(options, rig.arms, questions)
    journal, clock = None, StreamClock()
    lines: tuple[JournalLine, ...] = ()
    if options.out.exists() and options.out.stat().st_size:
        resumed = resume(
            options.out, {"policy": None, "answers": options.answers, "arms": arms_of(rig)}
        )
        journal, lines, clock = resumed.journal, resumed.lines, resumed.clock
    draws = plan(questions, rig.arms, options.samples, lines, pairs)
    try:
        if not draws:
            return Drawn()
        sys.stderr.write(f"starting {options.model or ', '.join(options.address)}\n")
        await asyncio.gather(rig.engine.start(), rig.parser.warm())
        if journal is None:
            clock = StreamClock()
            header = journal_header(
                rig, clock, command=command, answers=options.answers, info=rig.engine.info
            )
            journal = Journal.create(options.out, header)
        total = sum(len(draw.starts) for draw in draws)
        with progress(f"drawing {total} samples", total) as report:
            return await _draw(rig, journal, clock, draws, options.width, report)
    finally:
        await rig.engine.close()
        rig.parser.close()
        if journal is not None:
            journal.close()


async def _draw(
    rig: Rig,
    journal: Journal,
    clock: StreamClock,
    draws: Sequence[Draw],
    width: int,
    report: Callable[[int], None],
) -> Drawn:
    def advance(drawn: Drawn) -> None:
        report(drawn.samples + drawn.failed)

    generation = Generation(rig, journal, clock, width=width, advance=advance)
    try:
        return await generation.run(draws)
    finally:
        await generation.session.close()


def _pairs(
    options: argparse.Namespace, arms: Mapping[str, Arm], questions: Sequence[Question]
) -> Mapping[str, Sequence[Pair]]:
    """Read the candidates that verifying arms judge.

    Raises:
        CallerError: if there are some and no arm judges them, or the other way round.
        CandidatesError: if their file holds something else.
    """
    judging = [name for name, arm in arms.items() if arm.judges]
    if options.candidates is None:
        if judging:
            raise CallerError(f"--arm: {judging[0]!r} judges candidates, needs --candidates FILE")
        return {}
    if not judging:
        raise CallerError(f"--candidates: no arm of {', '.join(arms)} judges candidates")
    return read_candidates(options.candidates, {question.question_id for question in questions})


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG, description="Draw samples of many questions into a journal.", epilog=_EPILOG
    )
    add = parser.add_argument
    add("--questions", type=Path, required=True, metavar="FILE", help="JSON lines, CSV or parquet")
    add("--samples", type=count, required=True, metavar="N", help="of each question and arm")
    add("--out", type=Path, required=True, metavar="JOURNAL", help="goes on if it is there")
    add(
        "--candidates",
        type=Path,
        metavar="FILE",
        help='what verifying arms judge: JSON lines {"question_id": "q1", "candidates": ["12", '
        '"7"]}; --samples of each',
    )
    add("--width", type=count, default=128, metavar="N", help="at once (default: %(default)s)")
    add(
        "--probe-every",
        type=count,
        metavar="TOKENS",
        help="ask each sample for its answer so far each time it has grown by so many",
    )
    add_engine_options(parser)
    add_sampling_options(parser, several=True)
    return parser


if __name__ == "__main__":
    sys.exit(main())
