# %% [markdown]
# # 5. Quantise to AWQ, and measure again
#
# **Is four-bit AWQ faster on this machine, what does it cost in right answers, and is it worth it
# when the clock decides?** Weights of a quarter of the size leave more room for the cache and are
# read faster; at large widths, where arithmetic decides, they may be slower. So both are measured.
#
# Needed, on a machine with a GPU:
#
# - `MODEL`: a folder with the model in 16 bits, all its linear layers with a multiple of 128
#   inputs; and a GPU that holds it, with as much again for vLLM's cache.
# - For quantising: `pip install 'llmcompressor>=0.14'` (it brings `datasets` and `transformers`).
#   It asks for another `compressed-tensors` than vLLM does, so give it a virtual environment of
#   its own, with this package beside it. What it writes, vLLM 0.26 and later reads
#   (`compressed-tensors`, packed, groups of 128).
# - For measuring: `pip install 'adaptive-compute-scheduler[live]'`, and nothing else running.
#
# Run this notebook, or its script, first with vLLM's environment, then with the quantiser's, then
# with vLLM's again. Each time it makes what it can and what is not there yet, and goes on after a
# kill:
#
# ```sh
# .venv/bin/python notebook/05_quantise_to_awq.py
# .quantiser/bin/python notebook/05_quantise_to_awq.py
# .venv/bin/python notebook/05_quantise_to_awq.py
# ```
#
# Without a GPU only the last cells run, on bundled profiles that stand in for measured ones.

# %%
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import altair as alt
import msgspec
import numpy as np

from engine.problems.generate import generate
from simulations.bootstrap import ratio, resample
from simulations.bundled import profile_names, read_profile
from simulations.pools import pools_of
from simulations.replay import replay
from simulations.report.look import colour_of, shape_of
from simulations.results_table import cell_of, number_of
from simulations.settings import Wish
from simulations.traces import read_trace

alt.renderers.enable("svg")  # pictures that need no network
MODEL = Path("model")
QUANTISED = Path("model-awq")
WORK = Path("awq")  # profiles, journals and traces; delete it to measure anew
MAX_MODEL_LEN, MAX_TOKENS = 4096, 2048  # 32768 and 16384 for a model that thinks
CALIBRATION = 128  # questions whose answers, by the model itself, show the quantiser what to keep
QUESTIONS, SAMPLES = 120, 16  # to judge by, none of them of the calibration
PER_QUESTION_S = 2.0  # of the replay; a minute or more for a large model

GPU = shutil.which("nvidia-smi") is not None
MEASURES = GPU and MODEL.is_dir() and find_spec("vllm") is not None
QUANTISES = GPU and MODEL.is_dir() and find_spec("llmcompressor") is not None
print(f"GPU: {GPU}, model: {MODEL.is_dir()}, measures: {MEASURES}, quantises: {QUANTISES}")

# %% [markdown]
# ## What the quantiser is shown
#
# AWQ scales weights by how large their inputs are when the model works, so it is shown the model's
# own work: problems of one seed with the answers that the 16-bit model gives them. Those of
# another seed are kept for judging.


# %%
def command(module, *options, out):
    """Run a command of this package, unless what it makes is there."""
    if out.exists():
        print(f"{out} is there")
        return
    fresh = out.with_name(f"{out.stem}.part{out.suffix}")
    arguments = [*map(str, options), str(fresh)]
    print(f"python -m {module} {' '.join(arguments)}", flush=True)
    subprocess.run([sys.executable, "-m", module, *arguments], check=True)
    fresh.rename(out)


def questions_file(name, seed, count):
    """Write problems of a seed as questions; return the file."""
    WORK.mkdir(exist_ok=True)
    path = WORK / f"{name}.questions.jsonl"
    problems = generate(seed=seed, count=count)
    rows = [
        {"question_id": p.question_id, "question": p.question, "gold": p.gold} for p in problems
    ]
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return path


ENGINE = ["--max-model-len", MAX_MODEL_LEN, "--max-tokens", MAX_TOKENS]
CALIBRATED = WORK / "calibration.jsonl"
if MEASURES:
    asked = questions_file("calibration", seed=1, count=CALIBRATION)
    draw = ["--questions", asked, "--samples", 1, "--model", MODEL, *ENGINE]
    command("engine.generate", *draw, "--out", out=CALIBRATED)

# %% [markdown]
# ## Quantise
#
# Four-bit weights with a zero point in groups of 128 and 16-bit arithmetic; the output layer is
# left as it is. Scales are searched both with and without the weights' own size.


# %%
def calibration_texts(tokenizer):
    """Return the calibration's chats with the model's answers, as the model saw them."""
    asked = {p.question_id: p.question for p in generate(seed=1, count=CALIBRATION)}
    lines = [msgspec.json.decode(line) for line in CALIBRATED.read_bytes().splitlines()]
    names = {line["position"]: line["question_id"] for line in lines if line["kind"] == "question"}
    (arm,) = lines[0]["arms"].values()
    texts = []
    for line in lines:
        if line["kind"] == "text":
            question = asked[names[line["position"]]]
            chat = [
                {**message, "content": message["content"].replace("{question}", question)}
                for message in arm["messages"]
            ]
            prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
            texts.append(prompt + line["text"])
    return texts


if QUANTISES and CALIBRATED.exists() and not QUANTISED.exists():
    from datasets import Dataset
    from llmcompressor import oneshot
    from llmcompressor.modifiers.quantization import QuantizationModifier
    from llmcompressor.modifiers.transform.awq import AWQModifier
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    encoded = [
        dict(tokenizer(text, add_special_tokens=False, truncation=True, max_length=MAX_TOKENS))
        for text in calibration_texts(tokenizer)
    ]
    unfinished = QUANTISED.with_name(f"{QUANTISED.name}.part")
    oneshot(
        model=AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto"),
        tokenizer=tokenizer,
        dataset=Dataset.from_list(encoded),
        recipe=[
            AWQModifier(duo_scaling="both"),
            QuantizationModifier(targets=["Linear"], ignore=["lm_head"], scheme="W4A16_ASYM"),
        ],
        max_seq_length=MAX_TOKENS,
        num_calibration_samples=len(encoded),
        output_dir=str(unfinished),
    )
    unfinished.rename(QUANTISED)


def size_gb(folder):
    """Return the size of a model's weights in GB."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors")) / 1e9


if QUANTISED.is_dir():
    print(f"{size_gb(MODEL):.2f} GB in 16 bits, {size_gb(QUANTISED):.2f} GB quantised")

# %% [markdown]
# ## Measure both
#
# The profile says how long steps take at each width; the samples say what the answers became.
# Both with the same settings, on the same questions.

# %%
VARIANTS = {"16 bits": ("full", MODEL), "AWQ": ("awq", QUANTISED)}
if MEASURES:
    asked = questions_file("judged", seed=2, count=QUESTIONS)
    for stem, folder in VARIANTS.values():
        if not folder.is_dir():
            print(f"{folder} is not there yet: run this with the quantiser's environment")
            continue
        engine = ["--model", folder, *ENGINE]
        profile = WORK / f"{stem}.profile.json"
        command("engine.profile", *engine, "--out", out=profile)
        draw = ["--questions", asked, "--samples", SAMPLES, *engine, "--probe-every", 256]
        command("engine.generate", *draw, "--out", out=WORK / f"{stem}.jsonl")
        made = ["from-journal", "--profile", profile, "--name", stem, WORK / f"{stem}.jsonl"]
        command("simulations.traces", *made, out=WORK / stem)

# %% [markdown]
# ## How fast is each?

# %%
profiles = {
    name: read_profile(str(WORK / f"{stem}.profile.json"))
    for name, (stem, _) in VARIANTS.items()
    if (WORK / f"{stem}.profile.json").exists()
}
measured = len(profiles) == len(VARIANTS)
if not measured:
    profiles = {f"{name} (bundled, a stand-in)": read_profile(name) for name in profile_names()}
WIDTHS = [1, 2, 4, 8, 16, 32, 64, 128]
CONTEXT = 700  # tokens of prompt and answer so far, of each sample
records = [
    {"variant": name, "width": width, "tokens_per_s": width / step_s}
    for name, profile in profiles.items()
    for width in WIDTHS
    for step_s in [profile.step_s(width, width * CONTEXT)]
]
names = list(profiles)
colours = alt.Scale(domain=names, range=[colour_of(1), colour_of(2)])
shapes = alt.Scale(domain=names, range=[shape_of(1), shape_of(2)])
base = alt.Chart(alt.InlineData(values=records)).encode(
    x=alt.X("width:Q", scale=alt.Scale(type="log", base=2), title="Samples at once"),
    y=alt.Y(
        "tokens_per_s:Q",
        scale=alt.Scale(type="log", nice=False),
        title="All samples together (tokens/s)",
    ),
    color=alt.Color("variant:N", scale=colours, sort=names, legend=alt.Legend(labelLimit=400)),
)
alt.layer(
    base.mark_line(),
    base.mark_point(filled=True, size=70, opacity=1).encode(
        shape=alt.Shape("variant:N", scale=shapes, sort=names)
    ),
).properties(width=420, height=260, title=f"Decoding speed at {CONTEXT} tokens of context a sample")

# %% [markdown]
# ## The answer
#
# Speed comes without an interval: two starts of one engine differ by a few per cent, so nothing
# smaller than ten is called a difference.

# %%
NOTICEABLE = 0.1
WORDS = {1: "measurably more", 0: "no measurable difference in", -1: "measurably fewer"}
if not measured:
    print("Nothing was measured here, so there is no answer; the picture shows stand-ins.")
    print("It takes a GPU, a model and vLLM: see the top.")
else:
    full, awq = profiles.values()
    for width in (WIDTHS[0], WIDTHS[3], WIDTHS[-1]):
        context = width * CONTEXT
        faster = full.step_s(width, context) / awq.step_s(width, context)
        word = "as fast as"
        if abs(faster - 1.0) > NOTICEABLE:
            word = "faster than" if faster > 1.0 else "slower than"
        print(f"{width} at once: AWQ is {word} 16 bits, {number_of(faster, 2)} times its speed.")
if measured and all((WORK / stem).is_dir() for stem, _ in VARIANTS.values()):
    traces = [read_trace(WORK / stem) for stem, _ in VARIANTS.values()]
    rates = []
    for trace in traces:
        (pool,) = pools_of([trace])
        rates.append({q.question_id: pool.pass_rate(i) for i, q in enumerate(pool.questions)})
    common = sorted(rates[0].keys() & rates[1].keys())
    both = np.array([[rate[name] for name in common] for rate in rates])
    change = ratio(resample(len(common), 0), both[1] - both[0], np.ones(len(common))).interval()
    print(
        f"Of one sample's answers AWQ has {WORDS[change.side()]} right ones: "
        f"{cell_of(change, 100, 1, signed=True)} points, paired over {len(common)} questions."
    )
    for (name, profile), trace in zip(profiles.items(), traces, strict=True):
        wish = Wish(per_question_s=PER_QUESTION_S, streams=40)
        share = replay([trace], ["share"], profile, wish).policies[0]
        print(
            f"With {PER_QUESTION_S:g} s a question, {name}: "
            f"{cell_of(share.accuracy, 100, 1)} % of questions right (share)."
        )
