"""Tell the story of one question of a run: what was known when, what was decided, and why.

Run it as `python -m simulations.explain`.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from pathlib import Path
from textwrap import TextWrapper
from typing import TYPE_CHECKING

import msgspec

from scheduler import CallerError
from simulations.runs import GOLD_HELP, read_run, with_gold
from simulations.runs.story import tell
from terminal.command import BAD_INPUT, Parser, complain
from terminal.progress import progress

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from simulations.runs import Run
    from simulations.runs.story import Story

_PROG = "python -m simulations.explain"
_WIDTH = 92  # columns, or a line would be hard to read
_NEAR = 5  # ids that are named where one is unknown

_EPILOG = f"""\
JOURNAL is what `engine.solve`, `engine.kaggle` and `replay.py --journal` write, plain or gzip.
Times are seconds since the question came. Votes are those of samples that have ended, one each;
a vote is settled once no running sample could change the leader.

examples:
  a question of last night's run:
    {_PROG} run.jsonl --question t-1-004
  one of Kaggle's loop, whose journal has no right answers:
    {_PROG} run.jsonl --question 0a1b2c --gold reference.csv
  every moment with its figures, for a program:
    {_PROG} run.jsonl --question t-1-004 --json
  why a policy did this in a replay:
    python simulations/replay.py --policy clamp --streams 1 --journal stream.jsonl
    {_PROG} stream.jsonl --question gsm8k/282
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, or 2 after one line on stderr.
    """
    arguments = _parser().parse_args(argv)
    try:
        stories = _stories(arguments)
    except (ValueError, OSError) as error:
        complain(error)
        return BAD_INPUT
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(stories), indent=2).decode())
        sys.stdout.write("\n")
    else:
        for story in stories:
            sys.stdout.writelines(f"{line}\n" for line in _lines(story))
    return 0


def _stories(arguments: argparse.Namespace) -> list[Story]:
    path: Path = arguments.journal
    size = path.stat().st_size if path.is_file() else 0
    with progress(f"reading {path.name}", size) as report:
        run = read_run(path, report)
    if arguments.gold is not None:
        run = with_gold(run, arguments.gold)
    for note in run.notes:
        sys.stderr.write(f"{note}\n")
    stories = tell(run, arguments.question)
    if not stories:
        raise CallerError(_unknown(path, run, arguments.question))
    return stories


def _unknown(path: Path, run: Run, question_id: str) -> str:
    """Say that there is no such question, and which are near or there."""
    known = [question.question_id for question in run.questions]
    near = get_close_matches(question_id, known, n=_NEAR, cutoff=0.5)
    words = f"near: {', '.join(near)}" if near else f"it has: {', '.join(known[:_NEAR])}"
    more = ", …" if not near and len(known) > _NEAR else ""
    return f"argument --question: {path} has no question {question_id!r}; {words}{more}"


def _lines(story: Story) -> Iterator[str]:
    """Write a story as text."""
    yield f"{story.question_id}, question {story.place} of {story.journal}"
    if story.question:
        yield from TextWrapper(_WIDTH).wrap(" ".join(story.question.split()))
    yield ""
    yield from TextWrapper(_WIDTH).wrap(story.summary)
    yield ""
    for moment in story.moments:
        margin = f"{moment.at_s:>9,.2f} s  "
        wrapper = TextWrapper(_WIDTH, initial_indent=margin, subsequent_indent=" " * len(margin))
        yield from wrapper.wrap(moment.text)
    yield ""
    spent = ", ".join(f"{use} {seconds:,.2f}" for use, seconds in story.seconds_by_use.items())
    where = f"Where its time went, in seconds of the stream's clock: {spent or 'nowhere'}."
    yield from TextWrapper(_WIDTH).wrap(where)


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Tell the story of one question of a run, in sentences and numbers.",
        epilog=_EPILOG,
    )
    add = parser.add_argument
    add("journal", metavar="JOURNAL", type=Path, help="of a run, plain or gzip")
    add("--question", metavar="ID", required=True, help="its name")
    add("--gold", type=Path, metavar="FILE", help=GOLD_HELP)
    add("--json", action="store_true", help="write a JSON list to stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
