"""What the commands of this room share: which engine, which model, how to sample and to read."""

from __future__ import annotations

import argparse
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.answers import AnswerKind, AnswerParser
from engine.arms import BUNDLED, Arm, ArmsError, read_arms
from engine.candidates import CandidatesError
from engine.errors import EngineError
from engine.questions import QuestionsError
from engine.rig import Measure, Rig, tool_of
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.process import ServerProcess
from engine.vllm.server import ServerEngine
from engine.vllm.settings import VllmSettings
from scheduler import CallerError
from scheduler.latency import decode_profile
from terminal.command import whole_number

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from engine.port import Engine
    from scheduler import LatencyProfile
    from terminal.command import Parser

USER_ERRORS = (CallerError, EngineError, ArmsError, QuestionsError, CandidatesError, OSError)
"""What a command says in one line instead of a traceback."""

_LOGPROBS = VllmSettings(model="").max_logprobs

_MANY = 10**9
"""The largest count that a command takes."""


class Kind(StrEnum):
    """Where vLLM runs, or what pretends to be it."""

    INPROCESS = "inprocess"
    """In this process."""
    SERVER = "server"
    """Behind its OpenAI-compatible server, started here or at `--address`."""
    SCRIPTED = "scripted"
    """Nowhere: `engine.kaggle` can pretend."""


VLLM = (Kind.INPROCESS, Kind.SERVER)
"""The kinds that run a model."""


def add_engine_options(parser: Parser, kinds: Collection[Kind] = VLLM) -> None:
    """Add what says which engine runs which model.

    Args:
        parser: Of the command.
        kinds: That the command takes.
    """
    add = parser.add_argument_group("engine").add_argument
    add("--model", metavar="FOLDER|NAME", help="as vLLM takes it; needed without --address")
    add("--engine", choices=[*kinds], default=Kind.INPROCESS, help="default: %(default)s")
    add(
        "--address",
        action="append",
        default=[],
        metavar="URL",
        help="of a vLLM server that runs already; repeatable (implies --engine server)",
    )
    add("--max-model-len", type=count, metavar="N", help="tokens of prompt and answer together")
    add(
        "--max-sequences",
        type=count,
        default=256,
        metavar="N",
        help="that run at once (default: %(default)s)",
    )
    add(
        "--gpu-memory",
        type=_share,
        default=0.85,
        metavar="SHARE",
        help="of the GPU's that vLLM takes (default: %(default)s)",
    )
    add("--tensor-parallel", type=count, default=1, metavar="N", help="GPUs to one model")
    add("--data-parallel", type=count, default=1, metavar="N", help="copies of the model")
    add(
        "--vllm",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a further argument of vLLM's EngineArgs; repeatable, such as --vllm dtype=bfloat16",
    )


def add_second_engine_options(parser: Parser) -> None:
    """Add what says which second engine runs beside the first."""
    add = parser.add_argument_group("second engine, for arms that name it").add_argument
    add(
        "--second-model",
        metavar="FOLDER|NAME",
        help="runs beside --model, in every other way as that one does",
    )
    add(
        "--second-gpu-memory",
        type=_share,
        default=0.3,
        metavar="SHARE",
        help="of the GPU's, beside --gpu-memory (default: %(default)s)",
    )


def add_sampling_options(parser: Parser, *, several: bool = False) -> None:
    """Add what says how samples are drawn, measured and read.

    Args:
        parser: Of a command.
        several: Whether the command takes more than one arm.
    """
    add = add_arm_options(parser, several=several).add_argument
    add(
        "--answers",
        choices=[*AnswerKind],
        default=AnswerKind.INTEGER,
        help="what counts as an answer (default: %(default)s)",
    )
    add(
        "--checkpoint-every",
        type=count_or_zero,
        default=Measure().checkpoint_every_tokens,
        metavar="TOKENS",
        help="measure samples for the journal so often; 0 for never (default: %(default)s)",
    )


def add_arm_options(parser: Parser, *, several: bool = False) -> argparse._ArgumentGroup:
    """Add what says how samples are drawn.

    Args:
        parser: Of a command.
        several: Whether the command takes more than one arm.

    Returns:
        The group that these options stand in.
    """
    group = parser.add_argument_group("sampling")
    add = group.add_argument
    add("--arms", type=Path, default=BUNDLED, metavar="FILE.toml", help="how to sample, by name")
    add(
        "--arm",
        action="append",
        metavar="NAME",
        help="of the file (default: its first)" + ("; repeatable" if several else ""),
    )
    add("--max-tokens", type=count, metavar="N", help="of a sample, at most")
    add(
        "--logprobs",
        type=count_or_zero,
        default=Measure().logprobs,
        metavar="K",
        help="likeliest tokens that tell the entropy; 0 for none (default: %(default)s)",
    )
    return group


def make_engine(options: argparse.Namespace, server_log: Path) -> Engine:
    """Make the engine that runs a model as the options say; it is not started.

    Args:
        options: As parsed.
        server_log: Where a server of our own writes.

    Raises:
        CallerError: naming the option that is wrong.
    """
    if options.address:
        return ServerEngine(options.address)
    if options.model is None:
        raise CallerError("--model: is needed without --address")
    return _vllm(options, options.model, options.gpu_memory, server_log)


def make_second_engine(options: argparse.Namespace, server_log: Path) -> Engine | None:
    """Make the engine that runs beside the first, if the options name one; it is not started.

    Args:
        options: As parsed.
        server_log: Where a server of our own writes.

    Raises:
        CallerError: naming the option that is wrong.
    """
    if options.second_model is None:
        return None
    share = options.second_gpu_memory
    if not options.address and options.gpu_memory + share > 1.0:
        raise CallerError(
            f"--second-gpu-memory: must leave room for --gpu-memory {options.gpu_memory:g}, "
            f"got {share:g}"
        )
    return _vllm(options, options.second_model, share, server_log)


def _vllm(options: argparse.Namespace, model: str, share: float, server_log: Path) -> Engine:
    settings = VllmSettings(
        model=model,
        max_model_len=options.max_model_len,
        max_sequences=options.max_sequences,
        gpu_memory_utilization=share,
        tensor_parallel_size=options.tensor_parallel,
        data_parallel_size=options.data_parallel,
        max_logprobs=max(options.logprobs, _LOGPROBS),
        extra=dict(map(_assignment, options.vllm)),
    )
    if options.engine == Kind.SERVER:
        return ServerEngine(ServerProcess(settings, server_log))
    return InProcessEngine(settings)


def make_rig(
    options: argparse.Namespace, *, probe_every_tokens: int | None = None, several: bool = False
) -> Rig:
    """Make all that the options say of engine and sampling; the chosen arms come first.

    Raises:
        CallerError: naming the option that is wrong.
        ArmsError: if the arms can't be read.
    """
    arms = chosen_arms(options, several=several)
    return Rig(
        engine=make_engine(options, options.out.with_suffix(".server.log")),
        arms=arms,
        tool=tool_of(arms.values()),
        parser=AnswerParser(AnswerKind(options.answers)),
        measure=Measure(
            logprobs=options.logprobs,
            checkpoint_every_tokens=options.checkpoint_every or None,
            probe_every_tokens=probe_every_tokens,
        ),
    )


def read_profile(path: Path) -> LatencyProfile:
    """Read a profile's file.

    Raises:
        CallerError: naming the file, if it holds none.
        OSError: if it cannot be read.
    """
    try:
        return decode_profile(path.read_bytes())
    except CallerError as error:
        raise CallerError(f"{path}: {error}") from error


def count(text: str) -> int:
    """Read a whole number of at least 1."""
    return whole_number(text, 1, _MANY)


def count_or_zero(text: str) -> int:
    """Read a whole number of at least 0."""
    return whole_number(text, 0, _MANY)


def chosen_names(options: argparse.Namespace, *, several: bool = False) -> tuple[str, ...]:
    """Give the names of the chosen arms; the file's first where none is named.

    Raises:
        CallerError: if there is no such arm, or it is named twice, or one of several is one too
            many, or the only one is none to begin with.
        ArmsError: if the arms can't be read.
    """
    arms = read_arms(options.arms)
    names = tuple(options.arm or [next(iter(arms))])
    for name in names:
        if name not in arms:
            raise CallerError(f"--arm: {options.arms} has {', '.join(arms)}, not {name!r}")
        if names.count(name) > 1:
            raise CallerError(f"--arm: {name!r} is named twice")
    if len(names) > 1 and not several:
        raise CallerError(f"--arm: takes one here, got {', '.join(names)}")
    for name in names:
        unfit = _unfit(arms[name], several=several)
        if unfit is not None:
            raise CallerError(f"--arm: {name!r} {unfit}")
    return names


def _unfit(arm: Arm, *, several: bool) -> str | None:
    """Say why a command can't draw from an arm by itself; None if it can."""
    if arm.builds_on is not None:
        return "builds on other samples, which only a policy can name"
    if arm.judges and not several:
        return "judges candidates, which only a policy can name"
    if arm.engine != "main":
        return f"runs on the {arm.engine} engine, and is none to begin with"
    return None


def chosen_arms(options: argparse.Namespace, *, several: bool = False) -> Mapping[str, Arm]:
    """Give the arms, the chosen ones first.

    Raises:
        CallerError: as `chosen_names` does.
        ArmsError: if the arms can't be read.
    """
    arms = dict(read_arms(options.arms))
    chosen = {name: arms.pop(name) for name in chosen_names(options, several=several)}
    if options.max_tokens is not None:
        limited = {"max_tokens": options.max_tokens}
        chosen = {name: msgspec.structs.replace(arm, **limited) for name, arm in chosen.items()}
    return chosen | arms


def _assignment(text: str) -> tuple[str, str | int | float | bool]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CallerError(f"--vllm: must be NAME=VALUE, got {text!r}")
    try:
        read = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name, value
    return name, read if isinstance(read, int | float) else value


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError(f"must be above 0 and at most 1, got {text!r}")
    return value
