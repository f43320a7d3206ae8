r"""A tiny Qwen3 whose output is known beforehand, for suites that run a real engine.

Every layer is the identity (what attention and the MLP add is multiplied by zero), so the next
token depends on the last one alone. A token's embedding is the direction of its successor, and
a row of the output matrix is the direction of its own token: the successor wins clearly, while
the others share about a percent of probability, so that entropies are small but real.

Successors: `a9` is followed by ` a8`, … ` a1`, then ` \boxed{7`, `}` and the end; `b9` likewise
with 8 in the box. `\boxed{` is followed by `7`, `}` and the end. `p9` counts down too and ends in
a program, `PROGRAM` and `CLOSING`; `q9` likewise in a call, `CALL` and `CALL_END`. After a line
end, as that of a tool's answer or what the template writes behind one, comes ` \boxed{`. Anything
else is followed by the end, also the end itself. So at temperature 0, or with a top_p of 0.95, the
prompt `a9` makes exactly 11 tokens.

The chat template closes a prompt with the last counting word in the messages: a question that
names `a9` anywhere, as a word of its own, has that output, whatever else the prompt says. It writes
tools, calls and what they gave in a wrapping that no other model has.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

LONGEST = 1500
FAMILIES = {"7": "a", "8": "b"}
END = "<|end|>"
PROGRAM, CLOSING = "\n```python\nprint(3 + 4)\n", "```\n"
CALL = '\n<tool_call>\n{"name": "python", "arguments": {"code": "print(3 + 4)"}}\n'
CALL_END = "</tool_call>"
_PROGRAMMERS = {"p": (PROGRAM, CLOSING), "q": (CALL, CALL_END)}
SPECIAL = (END, "<|system|>", "<|user|>", "<|assistant|>", "<|quick|>")

_HIDDEN = 64
_SCALE = 15.0  # logit of the successor; the others have a spread of _SCALE / 8
_TAIL = 2  # tokens that follow the box: its closing and the end

_CHAT_TEMPLATE = r"""{%- set last = namespace(word='') -%}
{%- if tools -%}{{- '<|system|>You may call ' + tools | tojson -}}{%- endif -%}
{%- for message in messages -%}
{%- if message.role == 'tool' -%}
{{- '<|user|>[output] ' + message.content -}}
{%- else -%}
{{- '<|' + message.role + '|>' + message.content -}}
{%- endif -%}
{%- for call in message.tool_calls or [] -%}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' -}}
{{- call.function.arguments | tojson + '}\n</tool_call><|end|>' -}}
{%- endfor -%}
{%- for word in message.content.split() -%}
{%- if word[:1] in ['a', 'b', 'p', 'q'] and word[1:].isdigit() -%}
{%- set last.word = word -%}
{%- endif -%}
{%- endfor -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
{{- '<|assistant|>' -}}
{%- if enable_thinking is defined and not enable_thinking -%}{{- '<|quick|>' -}}{%- endif -%}
{{- last.word -}}
{%- if messages[-1].role == 'tool' -%}{{- '\n' -}}{%- endif -%}
{%- endif -%}
"""


def script_prompt(tokens: int, answer: str = "7") -> str:
    """Return the text whose output has exactly `tokens` tokens (its end counts) and this answer.

    Args:
        tokens: From 3 to 1502.
        answer: `7` or `8`.
    """
    steps = tokens - _TAIL
    assert 1 <= steps <= LONGEST
    return f"{FAMILIES[answer]}{steps}"


def script_text(tokens: int, answer: str = "7") -> str:
    """Return what follows `script_prompt` of the same arguments."""
    steps = range(tokens - _TAIL - 1, 0, -1)
    words = "".join(f" {FAMILIES[answer]}{step}" for step in steps)
    return f"{words} \\boxed{{{answer}}}"


def build_tiny_model(folder: Path) -> Path:
    """Write the model into an existing folder (3 MB) and return the folder."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - comes with vLLM only

    vocabulary, merges = _vocabulary()
    _write_tokenizer(folder, vocabulary, merges)
    end = vocabulary[END]
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": len(vocabulary),
        "hidden_size": _HIDDEN,
        "intermediate_size": _HIDDEN,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": _HIDDEN,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": False,
        "eos_token_id": end,
        "torch_dtype": "bfloat16",
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": end}))
    save_file(_weights(vocabulary), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return a byte-level BPE that spells each scripted word as one token.

    Words grow from the left, digit by digit, so each merge is that of a word's last character.
    """
    from tokenizers.pre_tokenizers import ByteLevel  # noqa: PLC0415 - comes with vLLM only

    alphabet = sorted(ByteLevel.alphabet())
    box = "\\boxed{"
    merges = [(box[:end], box[end]) for end in range(1, len(box))]
    merges.append(("Ġ", box))
    merges += [(f"Ġ{box}", answer) for answer in FAMILIES]
    for family in (*FAMILIES.values(), *_PROGRAMMERS):
        merges.append(("Ġ", family))
        for word in (str(number) for number in range(1, LONGEST + 1)):
            merges += [(f"{start}{family}{word[:-1]}", word[-1]) for start in ("", "Ġ")]
    tokens = [*SPECIAL, *alphabet, *("".join(merge) for merge in merges)]
    for program in _PROGRAMMERS.values():
        tokens += map(_spelled, program)  # generated only: no text is read as one
    return {token: number for number, token in enumerate(tokens)}, merges


def _spelled(text: str) -> str:
    """Write a text as a byte-level vocabulary does."""
    return text.replace("\n", "Ċ").replace(" ", "Ġ")


def _successors(vocabulary: dict[str, int]) -> dict[str, str]:
    """Return what follows the tokens that are not followed by the end."""
    box = "\\boxed{"
    successors = {box: "7", f"Ġ{box}": "7"}
    for answer, family in FAMILIES.items():
        successors[answer] = successors[f"Ġ{box}{answer}"] = "}"
        for number in range(1, LONGEST + 1):
            after = f"Ġ{family}{number - 1}" if number > 1 else f"Ġ{box}{answer}"
            successors[f"{family}{number}"] = successors[f"Ġ{family}{number}"] = after
    for family, (program, closing) in _PROGRAMMERS.items():
        for number in range(1, LONGEST + 1):
            after = f"Ġ{family}{number - 1}" if number > 1 else _spelled(program)
            successors[f"{family}{number}"] = successors[f"Ġ{family}{number}"] = after
        successors[_spelled(program)] = _spelled(closing)
    successors[_spelled("\n")] = f"Ġ{box}"
    assert vocabulary.keys() >= successors.keys()
    return successors


def _weights(vocabulary: dict[str, int]) -> dict[str, np.ndarray]:
    luck = np.random.default_rng(0)
    directions = luck.standard_normal((len(vocabulary), _HIDDEN)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    successors = _successors(vocabulary)
    after = [vocabulary[successors.get(token, END)] for token in vocabulary]
    # The last norm gives the hidden state a length of √hidden.
    head = directions * np.float32(_SCALE / _HIDDEN**0.5)
    square = luck.standard_normal((_HIDDEN, _HIDDEN)).astype(np.float32)
    ones = np.ones(_HIDDEN, dtype=np.float32)
    layer = "model.layers.0"
    return {
        "model.embed_tokens.weight": directions[after],
        "model.norm.weight": ones,
        "lm_head.weight": head,
        f"{layer}.input_layernorm.weight": ones,
        f"{layer}.post_attention_layernorm.weight": ones,
        f"{layer}.self_attn.q_norm.weight": ones,
        f"{layer}.self_attn.k_norm.weight": ones,
        f"{layer}.self_attn.q_proj.weight": square,
        f"{layer}.self_attn.k_proj.weight": square,
        f"{layer}.self_attn.v_proj.weight": square,
        f"{layer}.self_attn.o_proj.weight": np.zeros_like(square),
        f"{layer}.mlp.gate_proj.weight": square,
        f"{layer}.mlp.up_proj.weight": square,
        f"{layer}.mlp.down_proj.weight": np.zeros_like(square),
    }


def _write_tokenizer(
    folder: Path, vocabulary: dict[str, int], merges: list[tuple[str, str]]
) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "clean_up_tokenization_spaces": False,
        "chat_template": _CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
