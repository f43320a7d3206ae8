"""The command `python -m engine.solve`: answer a stream of questions live under a total time."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from engine.answers import AnswerKind
from engine.clock import StreamClock
from engine.glance import glance_at
from engine.header import arms_of, journal_header
from engine.journal import Journal
from engine.live_picture import plain
from engine.live_view import LiveView
from engine.options import (
    USER_ERRORS,
    add_engine_options,
    add_sampling_options,
    add_second_engine_options,
    make_rig,
    make_second_engine,
    read_profile,
)
from engine.profiler import measure_profile
from engine.questions import read_questions, with_canonical_gold
from engine.resume import answers_given, resume
from engine.runner import Runner
from policies import parse_policy
from scheduler import TimeBudget
from scheduler.latency import encode_profile
from terminal.command import BAD_INPUT, Parser, announce, complain, new_file, seconds, typed
from terminal.duration import spell
from terminal.files import write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from engine.answer import Answer
    from engine.glance import Glance
    from engine.questions import Question
    from engine.rig import Rig
    from scheduler import LatencyProfile

_PROG = "python -m engine.solve"

_EPILOG = f"""The clock starts with the command: the start of the engine, and of a second one, and
the measuring of its profile where none is given, belong to the total. A start with the same --out
goes on where the last one ended; its clock has gone on meanwhile.

examples:
  {_PROG} --questions q.csv --model ./model --policy lead:width=16 --total-s 3600 --out run.jsonl
  {_PROG} --questions q.csv --model ./model --policy clamp --total-s 3600 --profile p.json \\
      --out run.jsonl
  python -m simulations.report run.jsonl
  python -m simulations.traces from-journal run.jsonl traces/run --profile run.profile.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        answers, questions = asyncio.run(_solve(options, typed(parser, argv)))
    except USER_ERRORS as error:
        complain(error)
        return BAD_INPUT
    except KeyboardInterrupt:
        sys.stderr.write("stopped; the same command goes on from here\n")
        return 1
    Console(soft_wrap=True).print(answers_table(answers, questions))
    if options.json is not None:
        write_whole(options.json, msgspec.json.format(msgspec.json.encode(answers), indent=2))
    announce(options.out, options.json)
    return 0


def answers_table(answers: Sequence[Answer], questions: Sequence[Question]) -> Table:
    """Show how each question ended, and the sums."""
    gold = {question.question_id: question.gold for question in questions}
    table = Table(title="questions")
    for name in ("question", "answer", "gold", "why", "s", "granted s", "samples", "tokens"):
        table.add_column(name, justify="left" if name in {"question", "why"} else "right")
    right = 0
    for answer in answers:
        truth = gold.get(answer.question_id)
        right += answer.answer is not None and answer.answer == truth
        table.add_row(
            answer.question_id,
            answer.answer or "–",
            truth or "?",
            answer.reason.value,
            f"{answer.seconds:.2f}",
            f"{answer.granted_s:.1f}",
            str(answer.samples),
            f"{answer.tokens:,}",
        )
    table.add_section()
    table.add_row(
        "all",
        f"{right} right",
        str(len(answers)),
        "",
        f"{sum(answer.seconds for answer in answers):.2f}",
        "",
        str(sum(answer.samples for answer in answers)),
        f"{sum(answer.tokens for answer in answers):,}",
    )
    return table


async def _solve(
    options: argparse.Namespace, command: str
) -> tuple[list[Answer], Sequence[Question]]:
    clock = StreamClock()
    kind = AnswerKind(options.answers)
    questions = with_canonical_gold(read_questions(options.questions), kind)
    given_profile = None if options.profile is None else read_profile(options.profile)
    policy = parse_policy(options.policy)
    policy.build()  # a bad parameter is said before the engine starts
    rig = make_rig(options)
    rig = replace(rig, second=make_second_engine(options, options.out.with_suffix(".second.log")))
    rig.require(policy.mixed_arms())
    budget = TimeBudget(options.total_s, questions=len(questions), reserve_s=options.reserve_s)
    journal: Journal | None = None
    past: list[Answer] = []
    if options.out.exists() and options.out.stat().st_size:
        resumed = resume(
            options.out,
            {"policy": options.policy, "total_s": options.total_s, "answers": options.answers}
            | {"arms": arms_of(rig)},
        )
        journal, clock = resumed.journal, resumed.clock
        past = answers_given(resumed.lines)
        budget = resumed.budget or budget
    given = {answer.question_id for answer in past}
    todo = [question for question in questions if question.question_id not in given]
    try:
        if not todo:
            return past, questions
        sys.stderr.write(f"starting {options.model or ', '.join(options.address)}\n")
        began_s = clock()
        await asyncio.gather(rig.start(), rig.parser.warm())
        latency = given_profile or await _measure(options.out, rig, clock() - began_s)
        if journal is None:
            header = journal_header(
                rig,
                clock,
                command=command,
                answers=options.answers,
                info=rig.engine.info,
                policy=options.policy,
                total_s=options.total_s,
                profile=latency.name,
            )
            journal = Journal.create(options.out, header)
        fitted = policy.for_model(rig.engine.info.model)
        if fitted != policy:
            sys.stderr.write(f"parameters: {fitted.parameters['parameters']}\n")
        runner = Runner(rig, fitted.build, budget, latency, journal=journal, clock=clock)
        async with runner:
            return await _answer_all(runner, past, todo, clock), questions
    finally:
        await rig.close()
        rig.parser.close()
        if journal is not None:
            journal.close()


async def _answer_all(
    runner: Runner, past: Sequence[Answer], todo: Sequence[Question], clock: StreamClock
) -> list[Answer]:
    """Answer what is left to do; return all answers, past ones first."""
    answers, total = [*past], len(past) + len(todo)

    def look() -> Glance:
        return glance_at(runner, clock, done=len(answers), total=total)

    with LiveView(look) as view:
        for question in todo:
            answers.append(await runner.answer(question))
            view.say(f"{len(answers)}/{total} {_told(answers[-1])}; {spell(look().left_s)} left")
    return answers


def _told(answer: Answer) -> str:
    return (
        f"{plain(answer.question_id)}: {plain(answer.answer or 'no answer')} "
        f"({answer.reason.value}) after {answer.seconds:.1f} of {answer.granted_s:.0f} s, "
        f"{answer.samples} samples"
    )


async def _measure(out: Path, rig: Rig, startup_s: float) -> LatencyProfile:
    """Measure the engine that was just started, and put what was found beside the journal."""
    path = out.with_suffix(".profile.json")
    profile = await measure_profile(rig, out.name.partition(".")[0], startup_s)
    write_whole(path, encode_profile(profile))
    announce(path)
    return profile


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Answer a stream of questions live under a total time.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--questions", type=Path, required=True, metavar="FILE", help="JSON lines, CSV or parquet")
    add(
        "--policy", required=True, metavar="NAME[:key=value,…][@ARMS]", help="as replay.py takes it"
    )
    add("--total-s", type=seconds, required=True, metavar="S", help="of the whole stream")
    add("--reserve-s", type=seconds, default=0.0, metavar="S", help="kept at the end")
    add("--profile", type=Path, metavar="FILE", help="default: measured at the start, ~1 minute")
    add("--out", type=Path, required=True, metavar="JOURNAL", help="goes on if it is there")
    add("--json", type=new_file, metavar="FILE", help="write the answers; overwrites")
    add_engine_options(parser)
    add_second_engine_options(parser)
    add_sampling_options(parser)
    return parser


if __name__ == "__main__":
    sys.exit(main())
