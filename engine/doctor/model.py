"""A model's folder: whether vLLM will find in it what it needs, and room for it on the GPU."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from engine.doctor.check import GIB, gib, missing, ok, unknown, warning
from engine.doctor.gpu import SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.doctor.check import Check
    from engine.doctor.found import Gpu

FULL_DOWNLOAD = "download the model's folder again: hf download NAME --local-dir FOLDER"

BESIDE = 2 * GIB
"""Bytes that vLLM takes on a GPU beside weights and context, roughly."""

LONGEST_HEADER = 100 << 20
"""Bytes; the format allows no longer header."""

_TOKENIZERS = (
    ("tokenizer.json",),
    ("tokenizer.model",),
    ("vocab.json", "merges.txt"),
    ("tekken.json",),
)


def find_folder(model: str, environment: Mapping[str, str]) -> tuple[Check, Path | None]:
    """Find the folder of a model that is named as to vLLM.

    Returns:
        The check, and the folder where there is one.
    """
    name, folder = "model", Path(model).expanduser()
    if folder.is_dir():
        return ok(name, str(folder)), folder
    if folder.exists():
        step = "name the folder that holds config.json and the .safetensors files"
        return missing(name, f"{model} is a file", step), None
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", model) or model.startswith("."):
        return missing(name, f"there is no folder {model}", FULL_DOWNLOAD), None
    cached = _cached(model, environment)
    if cached is not None:
        return ok(name, f"{model}, in the cache of downloads"), cached
    offline = [
        variable
        for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
        if environment.get(variable, "").upper() in {"1", "ON", "YES", "TRUE"}
    ]
    if offline:
        found = f"{model} is no folder, and {offline[0]}={environment[offline[0]]}"
        return missing(name, f"{found} forbids to download it", f"unset {offline[0]}"), None
    step = f"download it first, so that no run waits: hf download {model}"
    return warning(name, f"{model} is no folder; vLLM will try to download it", step), None


def _cached(model: str, environment: Mapping[str, str]) -> Path | None:
    """Return the newest snapshot in the cache of the Hugging Face hub."""
    home = environment.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    hub = Path(environment.get("HF_HUB_CACHE") or Path(home) / "hub")
    snapshots = hub / f"models--{model.replace('/', '--')}" / "snapshots"
    configs = sorted(snapshots.glob("*/config.json"), key=lambda path: path.stat().st_mtime)
    return configs[-1].parent if configs else None


def read_config(folder: Path) -> dict[str, Any]:
    """Read `config.json`.

    Raises:
        OSError: if it is not there.
        msgspec.MsgspecError: if it holds no object.
    """
    return msgspec.json.decode((folder / "config.json").read_bytes(), type=dict[str, Any])


def check_config(folder: Path) -> Check:
    """Check what the model says of itself."""
    name = "model's config"
    try:
        config = read_config(folder)
    except FileNotFoundError:
        return missing(name, f"no config.json in {folder}", FULL_DOWNLOAD)
    except msgspec.MsgspecError as error:
        return missing(name, f"config.json: {error}", FULL_DOWNLOAD)
    architectures = config.get("architectures") or []
    if not architectures:
        return warning(name, "names no architecture", FULL_DOWNLOAD)
    longest = max_model_len(config)
    length = "longest context unknown" if longest is None else f"context up to {longest:,} tokens"
    packed = (config.get("quantization_config") or {}).get("quant_method")
    return ok(name, f"{architectures[0]}, {length}{f', packed by {packed}' if packed else ''}")


def max_model_len(config: Mapping[str, Any]) -> int | None:
    """Return the longest context that a model takes; None where it does not say."""
    longest = _text(config).get("max_position_embeddings")
    return longest if isinstance(longest, int) else None


def check_tokenizer(folder: Path) -> Check:
    """Check that there is a tokenizer."""
    for files in _TOKENIZERS:
        if all((folder / file).is_file() for file in files):
            return ok("tokenizer", " and ".join(files))
    return missing("tokenizer", f"none in {folder}", FULL_DOWNLOAD)


def check_template(folder: Path) -> Check:
    """Check that there is a chat template: all prompts go through it."""
    name = "chat template"
    places = [folder / "chat_template.jinja", folder / "chat_template.json"]
    template, where = None, ""
    for path in (*places, folder / "tokenizer_config.json"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            read = {"chat_template": text} if path.suffix == ".jinja" else _decoded(text)
            template, where = read.get("chat_template"), path.name
        if template:
            break
    if not template:
        found = "none: this is a base model, or the folder is not whole"
        step = "take the instruct model, or put its template into chat_template.jinja"
        return missing(name, found, step)
    switch = "with" if "enable_thinking" in str(template) else "without"
    return ok(name, f"in {where}, {switch} a switch for thinking")


def check_weights(folder: Path) -> Check:
    """Check that all files of weights are there, each as long as its header says."""
    name = "weights"
    index = folder / "model.safetensors.index.json"
    names = {path.name for path in folder.glob("*.safetensors")}
    if index.is_file():
        named = set(map(str, _decoded(index.read_text(encoding="utf-8"))["weight_map"].values()))
        absent = sorted(named - names)
        if absent:
            found = f"{len(absent)} of {len(named)} files are not there, such as {absent[0]}"
            return missing(name, found, FULL_DOWNLOAD)
        names = named
    if not names:
        others = sorted(path.name for path in folder.glob("*") if path.suffix in {".bin", ".gguf"})
        if others:
            step = "take the model as .safetensors if vLLM does not load this"
            return warning(name, f"no .safetensors, but {others[0]}: not looked into", step)
        return missing(name, f"no .safetensors in {folder}", FULL_DOWNLOAD)
    for file in sorted(names):
        fault = _fault(folder / file)
        if fault is not None:
            return missing(name, f"{file} {fault}", FULL_DOWNLOAD)
    count = "1 file" if len(names) == 1 else f"{len(names)} files"
    return ok(name, f"{count}, {gib(weights_size(folder))}, whole")


def weights_size(folder: Path) -> int:
    """Return the bytes of all files of weights."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _fault(path: Path) -> str | None:
    """Say what is wrong with a file by its header; None if nothing."""
    size = path.stat().st_size
    with path.open("rb") as file:
        begin = file.read(8)
        if begin == b"version ":
            return "is a pointer of Git LFS, not the weights"
        length = struct.unpack("<Q", begin)[0] if len(begin) == 8 else size  # noqa: PLR2004 - as read
        if length > min(size - 8, LONGEST_HEADER):
            return f"is broken off or no safetensors file ({gib(size)})"
        try:
            header = msgspec.json.decode(file.read(length), type=dict[str, dict[str, Any]])
        except msgspec.MsgspecError as error:
            return f"has a bad header: {error}"
    ends = [tensor["data_offsets"][1] for key, tensor in header.items() if key != "__metadata__"]
    whole = 8 + length + max(ends, default=0)
    return None if size == whole else f"has {size:,} bytes of {whole:,}"


def check_room(
    folder: Path,
    gpus: Sequence[Gpu],
    *,
    share: float = SHARE,
    parts: int = 1,
    can_split: bool = True,
) -> Check:
    """Check that the weights and one longest context fit onto the GPUs.

    Args:
        folder: Of the model.
        gpus: At least `parts`.
        share: Of a GPU's memory that vLLM takes.
        parts: GPUs that share one copy.
        can_split: Whether more parts are still a way out.
    """
    name, size = "room for the model", weights_size(folder) / parts
    if not gpus:
        return unknown(name, f"{gib(size)} of weights; no GPU tells its memory")
    usable = min(min(gpu.free, share * gpu.total) for gpu in gpus)
    room = usable - BESIDE - size
    said = f"{gib(size)} of weights, {gib(usable)} usable on a GPU"
    if room <= 0:
        more = next((n for n in (2, 4, 8) if size / n + BESIDE < usable), None)
        if more is None or more * parts > len(gpus) or not can_split:
            step = "a larger GPU, more of them (tensor_parallel_size), or a quantised model"
            return missing(name, said, step)
        return warning(name, said, f"start with --tensor-parallel {more}")
    config = read_config(folder)
    a_token = _context_bytes(config, parts)
    longest = max_model_len(config)
    if a_token is None:
        return ok(name, said)
    tokens = int(room / a_token)
    said += f", context of about {tokens:,} tokens"
    if longest is not None and tokens < longest:
        step = f"start with --max-model-len {max(tokens // 1024, 1) * 1024} or less"
        return warning(name, f"{said}: less than one of {longest:,}", step)
    return ok(name, said)


def _context_bytes(config: Mapping[str, Any], parts: int) -> float | None:
    """Return the bytes that a token of context takes on each GPU of one copy.

    None where it is no plain attention.
    """
    text = _text(config)
    kinds = set(text.get("layer_types") or ()) - {"full_attention"}
    if kinds or "kv_lora_rank" in text or "layers_block_type" in text:
        return None
    try:
        heads = text["num_attention_heads"]
        width = text.get("head_dim") or text["hidden_size"] / heads
        kept = text.get("num_key_value_heads") or heads
        return float(2 * 2 * text["num_hidden_layers"] * kept * width) / parts
    except (KeyError, TypeError):
        return None


def _text(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part that speaks of the language model, where a model has others too."""
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def _decoded(text: str) -> dict[str, Any]:
    return msgspec.json.decode(text, type=dict[str, Any])
