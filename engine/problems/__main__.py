"""The command `python -m engine.problems`: writes a set of problems as JSON lines."""

from __future__ import annotations

import sys
from collections import Counter
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from engine.problems.generate import ProblemsError, generate
from terminal.command import BAD_INPUT, Parser, complain, new_file, whole_number
from terminal.files import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROG = "python -m engine.problems"

_EXAMPLES = f"""A line is one problem: question_id, question, gold, level, family.
The same seed and count give the same file on every machine.

examples:
  {_PROG} --out questions.jsonl
  {_PROG} --seed 7 --count 60 --out small.jsonl --json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        argv: Arguments without the program's name; by default those of the process.

    Returns:
        The exit code: 0, or 2 after one line on stderr that says what is wrong.
    """
    arguments = _parser().parse_args(argv)
    try:
        problems = generate(arguments.seed, arguments.count)
        content = msgspec.json.Encoder().encode_lines(problems)
        write_whole(arguments.out, content)
    except (ProblemsError, OSError) as error:
        complain(error)
        return BAD_INPUT
    digest = sha256(content).hexdigest()
    if arguments.json:
        summary = {
            "out": str(arguments.out),
            "sha256": digest,
            "questions": len(problems),
            "levels": Counter(str(problem.level) for problem in problems),
            "families": Counter(problem.family for problem in problems),
        }
        sys.stdout.write(
            msgspec.json.format(msgspec.json.encode(summary), indent=2).decode() + "\n"
        )
    else:
        sys.stdout.write(f"{arguments.out}: {len(problems)} problems, sha256 {digest}\n")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Draw maths problems of five levels with whole answers from 0 to 99999.",
        epilog=_EXAMPLES,
    )
    parser.add_argument(
        "--seed",
        type=partial(whole_number, low=0, high=2**64 - 1),
        default=0,
        help="what is drawn (default: 0)",
    )
    parser.add_argument(
        "--count",
        type=partial(whole_number, low=1, high=100_000),
        default=240,
        help="number of problems, up to some 2400 (default: 240)",
    )
    parser.add_argument(
        "--out", type=new_file, required=True, metavar="FILE", help="the JSON lines to write"
    )
    parser.add_argument("--json", action="store_true", help="write a summary as JSON to stdout")
    return parser


if __name__ == "__main__":
    sys.exit(main())
