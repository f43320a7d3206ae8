"""The command `python -m simulations.traces`: make, describe and validate traces."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from simulations.traces.describe import describe, description_table
from simulations.traces.errors import TraceError
from simulations.traces.journal import from_journals
from simulations.traces.jsonl import import_jsonl
from simulations.traces.read import read_trace
from terminal.command import BAD_INPUT, Parser, complain
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from simulations.traces.folder import Trace

_PROG = "python -m simulations.traces"

_EXAMPLES = f"""examples:
  {_PROG} import Qwen3-8B.aime24.jsonl.gz traces/qwen3-8b --format jsonl
  {_PROG} from-journal run.jsonl traces/run --profile profile.json
  {_PROG} describe traces/qwen3-8b traces/qwen3-4b
  {_PROG} validate traces/* --json
"""

_LINE = (
    '{"question_id": "q1", "sample": 0, "gold": "204", "answer": "204", "tokens": 8123, '
    '"checkpoints": [{"tokens": 500, "answer": null}, {"tokens": 1000, "answer": "204"}]}'
)

_IMPORT_HELP = f"""One line of SRC is one sample, gzip or plain:

  {_LINE}

  answer null: nothing parsable. A checkpoint without answer: none was asked for.
  Optional beside checkpoints: question, features, arm, finish_reason, prompt_tokens,
  mean_entropy, tail_entropy; in a checkpoint: mean_entropy, tail_entropy, confidence.

examples:
  {_PROG} import Qwen3-8B.aime24.jsonl.gz traces/qwen3-8b --format jsonl
  {_PROG} import log.jsonl traces/mine --format jsonl --model Qwen/Qwen3-8B
"""

_JOURNAL_HELP = f"""Journals of one model become one trace; the samples of a question that comes
again are numbered on. What is left out, and why, is said on stderr.

examples:
  {_PROG} from-journal run.jsonl traces/run
  {_PROG} from-journal monday.jsonl.gz tuesday.jsonl traces/week --profile profile.json
"""

_DESCRIBE_HELP = f"""examples:
  {_PROG} describe traces/qwen3-8b
  {_PROG} describe traces/qwen3-8b traces/qwen3-4b --json
"""

_VALIDATE_HELP = f"""The exit code is 2 if any trace is bad; each bad one gets one line on stderr.

examples:
  {_PROG} validate traces/qwen3-8b
  {_PROG} validate traces/* --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, or 2 after one line on stderr for each thing that is wrong.
    """
    arguments = _parser().parse_args(argv)
    try:
        if arguments.command == "import":
            return _import(arguments.src, arguments.dst, arguments.model)
        if arguments.command == "from-journal":
            return _from_journals(
                arguments.journals, arguments.dst, arguments.name, arguments.profile
            )
        command = _describe if arguments.command == "describe" else _validate
        return command(arguments.traces, as_json=arguments.json)
    except (TraceError, OSError) as error:
        complain(error)
        return BAD_INPUT


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog=_PROG,
        description="Make, show and check traces: folders of logged generations.",
        epilog=_EXAMPLES,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    importer = commands.add_parser(
        "import", help="make a trace of another file", epilog=_IMPORT_HELP
    )
    importer.add_argument("src", metavar="SRC", type=Path, help="the file to import")
    importer.add_argument(
        "dst",
        metavar="DST",
        type=Path,
        help="the trace's folder; an earlier trace there is replaced",
    )
    importer.add_argument("--format", required=True, choices=["jsonl"], help="what SRC is")
    importer.add_argument("--model", help="the model (default: SRC's name without .jsonl.gz)")

    joiner = commands.add_parser(
        "from-journal", help="make a trace of journals", epilog=_JOURNAL_HELP
    )
    joiner.add_argument("journals", metavar="JOURNAL", nargs="+", type=Path, help="plain or gzip")
    joiner.add_argument(
        "dst",
        metavar="DST",
        type=Path,
        help="the trace's folder; an earlier trace there is replaced",
    )
    joiner.add_argument("--name", help="a word for tables (default: DST's name)")
    joiner.add_argument(
        "--profile", metavar="PROFILE.json", type=Path, help="the latency profile to put beside"
    )

    describer = commands.add_parser(
        "describe", help="show what is in traces", epilog=_DESCRIBE_HELP
    )
    validator = commands.add_parser("validate", help="check traces", epilog=_VALIDATE_HELP)
    for command in (describer, validator):
        command.add_argument("traces", metavar="TRACE", nargs="+", type=Path, help="a folder")
        command.add_argument("--json", action="store_true", help="write a JSON list to stdout")
    return parser


def _import(src: Path, dst: Path, model: str | None) -> int:
    size = src.stat().st_size if src.is_file() else 0
    with progress(f"importing {src.name}", size) as report:
        trace = import_jsonl(src, dst, model, progress=report)
    _say(f"{dst}: {_counts(trace)}, digest {trace.digest}")
    return 0


def _from_journals(
    journals: Sequence[Path], dst: Path, name: str | None, profile: Path | None
) -> int:
    size = sum(path.stat().st_size for path in journals if path.is_file())
    with progress(f"reading {', '.join(path.name for path in journals)}", size) as report:
        made = from_journals(journals, dst, name, profile, progress=report)
    for note in made.notes:
        sys.stderr.write(f"{note}\n")
    _say(f"{dst}: {_counts(made.trace)}, digest {made.trace.digest}")
    Console().print(description_table([describe(made.trace)]))
    return 0


def _describe(paths: Sequence[Path], *, as_json: bool) -> int:
    descriptions = [describe(read_trace(path)) for path in paths]
    if as_json:
        _say_json(descriptions)
    else:
        Console().print(description_table(descriptions))
    return 0


def _validate(paths: Sequence[Path], *, as_json: bool) -> int:
    verdicts = []
    for path in paths:
        verdict: dict[str, str | None] = {"trace": str(path), "digest": None, "error": None}
        try:
            trace = read_trace(path)
        except TraceError as error:
            verdict["error"] = str(error)
            complain(error)
        else:
            verdict["digest"] = trace.digest
            if not as_json:
                _say(f"{path}: valid, {_counts(trace)}, digest {trace.digest}")
        verdicts.append(verdict)
    if as_json:
        _say_json(verdicts)
    return BAD_INPUT if any(verdict["error"] for verdict in verdicts) else 0


def _counts(trace: Trace) -> str:
    return (
        f"{trace.questions.height} questions, {trace.samples.height} samples, "
        f"{trace.checkpoints.height} checkpoints"
    )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _say_json(value: object) -> None:
    _say(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


if __name__ == "__main__":
    sys.exit(main())
