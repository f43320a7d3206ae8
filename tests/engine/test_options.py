"""The options that live commands share, from words to a rig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from engine.arms import ArmsError
from engine.options import (
    add_engine_options,
    add_sampling_options,
    add_second_engine_options,
    make_engine,
    make_rig,
    make_second_engine,
)
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.server import ServerEngine
from scheduler import DEFAULT_ARM, CallerError
from terminal.command import Parser, new_file

if TYPE_CHECKING:
    from pathlib import Path


def parsed(folder: Path, *words: str) -> Any:  # noqa: ANN401 - a namespace
    """Parse options as a command does."""
    parser = Parser(prog="test")
    parser.add_argument("--out", type=new_file, required=True)
    add_engine_options(parser)
    add_second_engine_options(parser)
    add_sampling_options(parser)
    return parser.parse_args(["--out", str(folder / "run.jsonl"), *words])


def engine(folder: Path, *words: str) -> Any:  # noqa: ANN401 - an engine, looked into
    """Make the engine that the options name."""
    return make_engine(parsed(folder, *words), folder / "run.server.log")


def test_vllm_runs_in_this_process_unless_told_otherwise(tmp_path: Path) -> None:
    """Every option reaches vLLM under its own name."""
    made = engine(
        tmp_path,
        *("--model", "m", "--max-model-len", "4096", "--max-sequences", "8"),
        *("--gpu-memory", "0.5", "--tensor-parallel", "2", "--logprobs", "30"),
        *("--vllm", "dtype=bfloat16", "--vllm", "enforce_eager=true", "--vllm", "seed=3"),
    )
    assert isinstance(made, InProcessEngine)
    told = made._settings.engine_args()
    assert told["model"] == "m"
    assert (told["max_model_len"], told["max_num_seqs"]) == (4096, 8)
    assert (told["gpu_memory_utilization"], told["tensor_parallel_size"]) == (0.5, 2)
    assert told["max_logprobs"] == 30
    assert (told["dtype"], told["enforce_eager"], told["seed"]) == ("bfloat16", True, 3)


def test_a_server_of_our_own_or_of_others(tmp_path: Path) -> None:
    """An address needs no model and no further word."""
    assert isinstance(engine(tmp_path, "--model", "m", "--engine", "server"), ServerEngine)
    others = engine(tmp_path, "--address", "http://a:1", "--address", "http://b:2")
    assert isinstance(others, ServerEngine)
    assert others._urls == ["http://a:1", "http://b:2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--model: is needed without --address"),
        (("--model", "m", "--vllm", "eager"), "--vllm: must be NAME=VALUE, got 'eager'"),
        (("--model", "m", "--vllm", "=3"), "--vllm: must be NAME=VALUE, got '=3'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    """One line that names the option and what was read."""
    with pytest.raises(CallerError, match=said):
        engine(tmp_path, *words)


def test_the_chosen_arm_comes_first_and_takes_the_limit(tmp_path: Path) -> None:
    """Policies call it the default, whatever others are called; `--checkpoint-every 0` is never."""
    arms = tmp_path / "arms.toml"
    message = 'messages = [{ role = "user", content = "{question}" }]'
    arms.write_text(f"[default]\n{message}\n\n[second]\n{message}\nmax_tokens = 9\n")
    words = ("--model", "m", "--arms", str(arms))
    rig = make_rig(parsed(tmp_path, *words, "--arm", "second", "--checkpoint-every", "0"))
    assert list(rig.arms) == ["second", "default"]
    assert (rig.first_arm, rig.resolve(DEFAULT_ARM), rig.resolve("second")) == ("second",) * 3
    assert rig.resolve("default") == "default"
    assert rig.resolve("third") is None
    assert rig.arms["second"].max_tokens == 9
    assert rig.measure.checkpoint_every_tokens is None
    rig = make_rig(parsed(tmp_path, *words, "--max-tokens", "5"))
    assert (rig.first_arm, rig.arms["default"].max_tokens) == ("default", 5)
    with pytest.raises(CallerError, match="has default, second, not 'third'"):
        make_rig(parsed(tmp_path, *words, "--arm", "third"))
    both = parsed(tmp_path, *words, "--arm", "second", "--arm", "default", "--max-tokens", "5")
    with pytest.raises(CallerError, match="takes one here, got second, default"):
        make_rig(both)
    rig = make_rig(both, several=True)
    assert list(rig.arms) == ["second", "default"]
    assert {arm.max_tokens for arm in rig.arms.values()} == {5}
    with pytest.raises(CallerError, match="'default' is named twice"):
        make_rig(parsed(tmp_path, *words, "--arm", "default", "--arm", "default"), several=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no arm"),
        ("[a]\nmessages = []\n", "arm 'a': no message holds {question}"),
        ('[a]\nprobe = "so"\nmessages = [{role="user",content="{question}"}]\n', "probe must end"),
        ('[a]\nheat = 1\nmessages = [{role="user",content="{question}"}]\n', "heat"),
        ("[a\n", "arms.toml"),
    ],
)
def test_a_bad_portfolio_is_refused(tmp_path: Path, text: str, said: str) -> None:
    """The message names the file, the arm and the field."""
    arms = tmp_path / "arms.toml"
    arms.write_text(text)
    with pytest.raises(ArmsError, match=str(arms)) as refused:
        make_rig(parsed(tmp_path, "--model", "m", "--arms", str(arms)))
    assert said in str(refused.value)


def test_a_second_engine_is_like_the_first_but_for_its_model(tmp_path: Path) -> None:
    """It has its own share of the memory; without its model there is none."""

    def second(*words: str) -> Any:  # noqa: ANN401 - an engine, looked into
        return make_second_engine(parsed(tmp_path, "--model", "m", *words), tmp_path / "log")

    assert second() is None
    made = second("--second-model", "n", "--gpu-memory", "0.5", "--max-model-len", "4096")
    told = made._settings.engine_args()
    assert (told["model"], told["gpu_memory_utilization"]) == ("n", 0.3)
    assert told["max_model_len"] == 4096
    with pytest.raises(CallerError, match=r"--second-gpu-memory: .* --gpu-memory 0.85, got 0.3"):
        second("--second-model", "n")
    others = second("--second-model", "n", "--address", "http://a:1")
    assert isinstance(others, InProcessEngine)


@pytest.mark.parametrize(
    ("name", "in_generate"),
    [("verifier", True), ("refine", False), ("elsewhere", False), ("default", True)],
)
def test_a_policy_begins_with_an_arm_that_needs_nothing_else(
    tmp_path: Path, name: str, *, in_generate: bool
) -> None:
    """The first arm is the policies' default; `generate` may also take one that judges."""
    arms = tmp_path / "arms.toml"
    question = 'role = "user", content = "{question}'
    arms.write_text(
        f'[default]\nmessages = [{{ {question}" }}]\n'
        f'[verifier]\nmessages = [{{ {question} {{first}} {{second}}" }}]\n'
        f'[refine]\nmessages = [{{ {question} {{reasoning}}" }}]\nbuilds_on = "default"\n'
        f'[elsewhere]\nmessages = [{{ {question}" }}]\nengine = "second"\n'
    )
    options = parsed(tmp_path, "--model", "m", "--arms", str(arms), "--arm", name)
    for several, takes in ((False, name == "default"), (True, in_generate)):
        if takes:
            assert make_rig(options, several=several).first_arm == name
        else:
            with pytest.raises(CallerError, match=f"--arm: '{name}' "):
                make_rig(options, several=several)
