"""The command `python -m engine.profile`: measure how fast an engine is, into a profile."""

from __future__ import annotations

import asyncio
import importlib
import sys
import time
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console
from rich.table import Table

from engine.options import USER_ERRORS, Kind, add_engine_options, add_sampling_options, make_rig
from engine.profiler import measure_profile
from scheduler.latency import encode_profile
from terminal.command import BAD_INPUT, Parser, announce, complain, new_file
from terminal.files import write_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from scheduler import LatencyProfile

_PROG = "python -m engine.profile"

_EPILOG = f"""Measured are the seconds of a decoding step by width and context, of prefill, of a
cached prefix, of a probe, of a stop and of the engine's start. Nothing else should run on the
machine meanwhile. Measure with the settings that you will run with: log-probabilities and the
limit of sequences change the figures. Two starts of one engine differ by a few per cent.

examples:
  {_PROG} --model Qwen/Qwen3-8B --max-model-len 32768 --out qwen3-8b.json
  {_PROG} --model ./model --engine server --logprobs 0 --out server.json
  python simulations/replay.py --profile qwen3-8b.json
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    options = _parser().parse_args(argv)
    try:
        profile = asyncio.run(_measure(options))
        write_whole(options.out, encode_profile(profile))
    except USER_ERRORS as error:
        complain(error)
        return BAD_INPUT
    Console().print(profile_table(profile))
    announce(options.out)
    return 0


def profile_table(profile: LatencyProfile) -> Table:
    """Show a profile's figures, in milliseconds where nothing else is said."""
    table = Table(title=f"{profile.name}: {profile.model} on {profile.gpu or 'CPU'}")
    table.add_column("what")
    table.add_column("figure", justify="right")
    for width, step_s in zip(profile.decode.width, profile.decode.step_s, strict=True):
        rate = width / step_s
        table.add_row(f"step, {width} wide", f"{1e3 * step_s:.2f} ms, {rate:,.0f} tokens/s")
    per_million = profile.decode.context_s_per_token * 1e6
    table.add_row("step, for each million tokens of context", f"{1e3 * per_million:.2f} ms")
    prefill = profile.prefill
    table.add_row("first token, prompt cached", f"{1e3 * prefill.base_s:.1f} ms")
    table.add_row("prefill, for each thousand tokens", f"{1e6 * prefill.s_per_token:.1f} ms")
    table.add_row("each further request at once", f"{1e3 * prefill.request_s:.2f} ms")
    table.add_row("stall of the others by an arrival", f"{1e3 * prefill.stall_s:.1f} ms")
    table.add_row("probe", f"{1e3 * profile.probe.base_s:.1f} ms and {profile.probe.tokens} tokens")
    table.add_row("opening of a question", f"{1e3 * profile.opening_s:.1f} ms")
    table.add_row("stop", f"{1e3 * profile.stop_s:.1f} ms")
    table.add_row("start of the engine", f"{profile.startup_s:.1f} s")
    return table


async def _measure(options: argparse.Namespace) -> LatencyProfile:
    rig = make_rig(options)
    began_s = time.monotonic()
    try:
        in_process = options.engine == Kind.INPROCESS and not options.address
        import_s = await asyncio.to_thread(_import_s) if in_process else None
        await rig.engine.start()
        startup_s = time.monotonic() - began_s
        profile = await measure_profile(rig, options.out.name.partition(".")[0], startup_s)
    finally:
        await rig.engine.close()
        rig.parser.close()
    if import_s is None:
        return profile
    description = f"{profile.description}; {import_s:.1f} s of the start are the import of vLLM"
    return msgspec.structs.replace(profile, description=description)


def _import_s() -> float | None:
    """Import vLLM, as the engine's start would; return how long that took."""
    began_s = time.monotonic()
    try:
        importlib.import_module("vllm")
    except ModuleNotFoundError:
        return None  # the start will say it
    return time.monotonic() - began_s


def _parser() -> Parser:
    parser = Parser(
        prog=_PROG,
        description="Measure how fast an engine is, into a latency profile.",
        epilog=_EPILOG,
    )
    add_engine_options(parser)
    add_sampling_options(parser)
    parser.add_argument(
        "--out", type=new_file, required=True, metavar="PROFILE.json", help="overwrites"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
