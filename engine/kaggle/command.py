"""The command `python -m engine.kaggle`: a whole Kaggle run on this machine, gateway included."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from rich.console import Console

from engine.answers import AnswerKind
from engine.kaggle.gateway import (
    AIMO2,
    AIMO3,
    RULES,
    SUBMISSION,
    GatewayError,
    read_sheet,
    run_gateway,
)
from engine.kaggle.limits import CAP_S, Limits
from engine.kaggle.predict import make_dry_predict, make_predict
from engine.kaggle.pretend import PRETENDED, pretend_engine
from engine.kaggle.tables import Cost, Outcome, Row
from engine.live_view import LiveView
from engine.options import (
    USER_ERRORS,
    VLLM,
    Kind,
    add_arm_options,
    add_engine_options,
    chosen_arms,
    count_or_zero,
    make_engine,
    read_profile,
)
from engine.questions import with_canonical_gold
from scheduler import CallerError, GivenLine, decode_line
from terminal.command import BAD_INPUT, Parser, announce, complain, new_file, seconds
from terminal.files import write_whole
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from engine.kaggle.gateway import Run, Sheet
    from engine.port import Engine
    from scheduler import LatencyProfile

_PROG = "python -m engine.kaggle"

_EPILOG = f"""What happens here is what happens on Kaggle: a gateway (our double of it) asks one
question after another from a thread of its own, `predict` answers within the stream's time, and
after the last question the gateway writes the submission. The file is Kaggle's test.csv or
reference.csv: id, problem (or question), and perhaps answer, which predict never sees.

The clock starts with the command: the engine's start, and the measuring of its profile where
none is given, belong to the total. A start with the same --out goes on where the last one ended:
questions that were answered get the answer that was given, and the clock has gone on meanwhile.

examples:
  without a GPU, an engine that pretends:
    {_PROG} --csv reference.csv --engine scripted --out run.jsonl
  as the final rerun does it, with the model:
    {_PROG} --csv reference.csv --model ./model --twice --out run.jsonl
  on another rule, order and time, hard-coding the 50 questions that Kaggle sends:
    {_PROG} --csv test.csv --model ./model --policy clamp --questions 50 \\
        --shuffle 1 --total-s 17400 --out run.jsonl
  what this gateway itself costs a call, answering 0 after half a second (for what Kaggle's
  costs, serve make_dry_predict there):
    {_PROG} --csv test.csv --dry-run --sleep 0.5
  afterwards, a page of the run, to be read on a phone:
    python -m simulations.report run.jsonl
  and the run as a trace that replay.py reads:
    python -m simulations.traces from-journal run.jsonl traces/run
"""

_ANSWERS = {AIMO2.name: AnswerKind.INTEGER_MOD_1000, AIMO3.name: AnswerKind.INTEGER}
"""What each contest asks for."""

_TOTAL_S = 17_400.0
"""Kaggle's five hours less ten minutes."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if options.out is None and not options.dry_run:
        parser.error("--out: is needed without --dry-run")
    if options.sleep and not options.dry_run:
        parser.error("--sleep: is for --dry-run")
    try:
        shown = _time_gateway(options) if options.dry_run else _play(options)
    except USER_ERRORS as error:
        complain(error)
        return BAD_INPUT
    except GatewayError as error:
        complain(error)
        announce(_journal(options))
        return 1
    except KeyboardInterrupt:
        after = "" if options.dry_run else f"; the same command goes on from {options.out}"
        sys.stderr.write(f"stopped{after}\n")
        return 1
    Console(soft_wrap=True).print(shown.table())
    if options.json is not None:
        write_whole(options.json, msgspec.json.format(msgspec.json.encode(shown), indent=2))
    announce(_journal(options), None if options.dry_run else options.submission, options.json)
    return 0


def _play(options: argparse.Namespace) -> Outcome:
    began_s = perf_counter()
    rules = RULES[options.gateway]
    kind = AnswerKind(options.answers or _ANSWERS[rules.name])
    sheet = read_sheet(options.csv)
    sheet = replace(sheet, questions=tuple(with_canonical_gold(sheet.questions, kind)))
    limits = Limits(
        total_s=options.total_s,
        questions=_expected(options.questions, sheet),
        reserve_s=options.reserve_s,
        cap_s=options.cap_s,
    )
    predict = make_predict(
        _engine(options, {one.question: one.gold for one in sheet.questions}),
        options.policy,
        limits.total_s,
        limits.questions,
        reserve_s=limits.reserve_s,
        cap_s=limits.cap_s,
        answers=kind,
        fallback=options.fallback,
        arms=chosen_arms(options),
        logprobs=options.logprobs,
        profile=_profile(options),
        journal=options.out,
    )
    try:
        with LiveView(predict.look):
            run = run_gateway(
                predict,
                sheet,
                rules,
                began_s=began_s,
                rng=_shuffler(options),
                twice=options.twice,
                submission=options.submission,
            )
    finally:
        predict.close()
    return _outcome(run, limits.usable_s - _ended_s(options.out))


def _time_gateway(options: argparse.Namespace) -> Cost:
    """Let `predict` do nothing, so that what a call takes is the gateway's own."""
    sheet = read_sheet(options.csv)
    total = len(sheet.questions) * (1 + options.twice)
    with progress(f"{total} calls", total) as report:
        run = run_gateway(
            make_dry_predict(options.sleep),
            sheet,
            RULES[options.gateway],
            rng=_shuffler(options),
            twice=options.twice,
            submission=None,
            on_answer=lambda call: report(call.number),
        )
    return Cost.of([call.seconds - options.sleep for call in run.calls])


def _outcome(run: Run, left_s: float) -> Outcome:
    rows = [
        Row(
            question_id=call.question.question_id,
            answer=str(call.answer),
            gold=call.question.gold,
            seconds=call.seconds,
        )
        for call in run.calls
    ]
    return Outcome.of(rows, left_s)


def _expected(text: str | None, sheet: Sheet) -> int | tuple[int, int] | None:
    """Read how many questions come; a text that comes again does not count.

    Raises:
        CallerError: if it can't be read.
    """
    if text is None:
        return len({" ".join(one.question.split()) for one in sheet.questions})
    if text == "unknown":
        return None
    low, dash, high = text.partition("-")
    if not all(part.isascii() and part.isdigit() for part in ([low, high] if dash else [low])):
        raise CallerError(f"--questions: must be N, LO-HI or unknown, got {text!r}")
    return (int(low), int(high)) if dash else int(low)


def _engine(options: argparse.Namespace, gold: Mapping[str, str | None]) -> Engine:
    if options.engine in VLLM:
        return make_engine(options, options.out.with_suffix(".server.log"))
    if options.address:
        raise CallerError("--address: is not for --engine scripted")
    return pretend_engine(gold, np.random.default_rng(options.seed))


def _profile(options: argparse.Namespace) -> LatencyProfile | None:
    if options.profile is None:
        return PRETENDED if options.engine == Kind.SCRIPTED else None
    return read_profile(options.profile)


def _shuffler(options: argparse.Namespace) -> np.random.Generator | None:
    return None if options.shuffle is None else np.random.default_rng(options.shuffle)


def _journal(options: argparse.Namespace) -> Path | None:
    return None if options.dry_run else options.out


def _ended_s(journal: Path) -> float:
    """Return what the stream's clock showed when the last answer was handed over."""
    for line in reversed(journal.read_bytes().splitlines()):
        read = decode_line(line)
        if isinstance(read, GivenLine):
            return read.at_s
    return 0.0


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Play a whole Kaggle run on this machine, from test.csv to submission.parquet.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("--csv", type=Path, required=True, metavar="FILE", help="Kaggle's test or reference")
    add("--out", type=new_file, metavar="JOURNAL", help="goes on if it is there")
    add(
        "--submission",
        type=new_file,
        default=SUBMISSION,
        metavar="FILE",
        help="written after the last question; overwrites (default: %(default)s)",
    )
    add("--json", type=new_file, metavar="FILE", help="write the answers; overwrites")
    _add_stream_options(parser)
    _add_gateway_options(parser)
    add_engine_options(parser, [*Kind])
    group = add_arm_options(parser)
    group.add_argument(
        "--answers",
        choices=[*_ANSWERS.values()],
        help="what counts as an answer (default: what the gateway's contest asks for)",
    )
    group.add_argument(
        "--seed",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="luck of --engine scripted (default: %(default)s)",
    )
    return parser


def _add_stream_options(parser: Parser) -> None:
    """Add what `make_predict` is told of the time."""
    add = parser.add_argument_group("stream").add_argument
    add(
        "--policy",
        default="shadow-price",
        metavar="NAME[:key=value,…][@ARMS]",
        help="as replay.py takes it (default: %(default)s)",
    )
    add(
        "--total-s",
        type=seconds,
        default=_TOTAL_S,
        metavar="S",
        help="of the whole stream (default: %(default)g)",
    )
    add(
        "--reserve-s",
        type=seconds,
        metavar="S",
        help="kept at the end (default: a fiftieth of the total)",
    )
    add(
        "--cap-s",
        type=seconds,
        default=CAP_S,
        metavar="S",
        help="of a question, at most (default: %(default)g)",
    )
    add(
        "--questions",
        metavar="N|LO-HI|unknown",
        help="how many come, as predict is told (default: as many as the file has)",
    )
    add(
        "--fallback",
        type=count_or_zero,
        default=0,
        metavar="N",
        help="answered where nothing is known (default: %(default)s)",
    )
    add("--profile", type=Path, metavar="FILE", help="default: measured at the start, ~1 minute")


def _add_gateway_options(parser: Parser) -> None:
    """Add what says how questions are asked."""
    add = parser.add_argument_group("gateway").add_argument
    add(
        "--gateway",
        choices=sorted(RULES),
        default=AIMO3.name,
        help="whose rules hold (default: %(default)s)",
    )
    add(
        "--shuffle",
        type=count_or_zero,
        metavar="SEED",
        help="ask in another order (default: the file's)",
    )
    add("--twice", action="store_true", help="ask all of them again, as AIMO 3's final rerun")
    add("--dry-run", action="store_true", help="answer 0 at once: what does a call itself cost?")
    add("--sleep", type=seconds, default=0.0, metavar="S", help="of each call of --dry-run")
