"""Every command's `--help` teaches by examples, and each of them is a command that it takes."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

EXAMPLES = re.compile(r"^examples:\n(?P<text>(?:[ ].*\n|\n(?=[ ]))*)", re.MULTILINE)
COMMAND = re.compile(
    r"^ +(?:\w+=\S+ )*python (?:-m (?P<module>[\w.]+)|(?P<script>[\w/]+)\.py)(?: (?P<words>.*))?$",
    re.MULTILINE,
)


def modules() -> list[str]:
    """Return the modules that make a parser of their own."""
    found = (
        path
        for room in ("engine", "simulations")
        for path in sorted((ROOT / room).rglob("*.py"))
        if re.search(r"^ +(return|parser =) Parser\($", path.read_text(), re.MULTILINE)
    )
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


def module_of(name: str) -> str:
    """Return where the parser of a command is made, by what is typed after `python -m`."""
    spellings = (name, f"{name}.__main__", f"{name}.cli", f"{name}.command")
    return next(spelling for spelling in spellings if spelling in modules())


def parser_of(module: str) -> argparse.ArgumentParser:
    """Return a command's parser."""
    parser = import_module(module)._parser()
    assert isinstance(parser, argparse.ArgumentParser)
    return parser


def parsers_of(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield a parser and those of its subcommands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.values()


def examples_of(parser: argparse.ArgumentParser) -> list[tuple[str, list[str]]]:
    """Return the commands below `examples:`: what is typed after `python`, and the words."""
    found = EXAMPLES.search((parser.epilog or "") + "\n")
    if found is None:
        return []
    text = re.sub(r" *\\\n +", " ", found["text"])
    return [
        (match["module"] or match["script"].replace("/", "."), words_of(match["words"] or ""))
        for match in COMMAND.finditer(text)
    ]


def words_of(text: str) -> list[str]:
    """Split what follows a command's name, up to a pipe."""
    words = shlex.split(text)
    return words[: words.index("|")] if "|" in words else words


def test_every_command_is_found() -> None:
    """The search misses none that documents itself as a command."""
    named = {
        match[1] for path in (ROOT / "docs").glob("*.md") for match in _typed(path.read_text())
    }
    assert named >= {"engine.solve", "simulations.report"}
    assert all(module_of(name) for name in named)
    assert len(modules()) == len({*modules()})


def _typed(text: str) -> list[re.Match[str]]:
    return [*re.finditer(r"python -m ((?:engine|simulations)(?:\.\w+)+)", text)]


@pytest.mark.parametrize("module", modules())
def test_the_examples_are_commands(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is at least one of the command itself, and the parser of each takes it."""
    monkeypatch.chdir(tmp_path)
    for parser in parsers_of(parser_of(module)):
        examples = examples_of(parser)
        own = parser.prog.removeprefix("python ").removeprefix("-m ").split()[0]
        own = own.removesuffix(".py").replace("/", ".")
        assert own in {name for name, _ in examples}, f"{parser.prog} --help has no example"
        for name, words in examples:
            parser_of(module_of(name)).parse_args(words)


def test_an_example_with_a_wrong_option_is_found() -> None:
    """A made-up option, a lacking one and text without examples do not pass."""
    epilog = "examples:\n  why:\n    python -m engine.solve --nonsense \\\n        --out a | jq\n"
    parser = argparse.ArgumentParser(epilog=epilog)
    assert examples_of(parser) == [("engine.solve", ["--nonsense", "--out", "a"])]
    with pytest.raises(SystemExit):
        parser_of("engine.solve").parse_args(examples_of(parser)[0][1])
    assert examples_of(argparse.ArgumentParser(epilog="as python -m engine.solve does")) == []
