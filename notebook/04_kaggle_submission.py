# %% [markdown]
# # A submission that keeps the clock
#
# For AIMO 3 on Kaggle: GPU on, internet off. Attach the contest, your model and a dataset of
# wheels. Elsewhere the same cells play a small run with an engine that pretends and a double of
# Kaggle's gateway, so try them at home first.
#
# The clock starts here, before anything is installed: Kaggle's does too.

# %%
import time

BEGAN = time.time()

# %% [markdown]
# ## What to attach
#
# Wheels: download them once, on a machine with internet and Kaggle's Python, and make a dataset
# of the folder:
#
# ```sh
# pip wheel --no-deps -w wheels .
# pip download -d wheels -c constraints.txt --only-binary=:all: '.[live]'
# ```
#
# The package itself needs altair, httpx, jinja2, joblib, loguru, markupsafe, math-verify, msgspec,
# numpy, packaging, pebble, polars, rich, scipy, sympy, vl-convert-python; its engine vllm, torch.
# Kaggle's image has some of them. Pip takes what is missing from the folder, and what vLLM itself
# needs.

# %%
import os
import subprocess
import sys
from pathlib import Path

ON_KAGGLE = "KAGGLE_KERNEL_RUN_TYPE" in os.environ
CONTEST = Path("/kaggle/input/ai-mathematical-olympiad-progress-prize-3")
MODEL = Path("/kaggle/input/my-model")
WHEELS = Path("/kaggle/input/my-wheels")

if ON_KAGGLE:
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index"]
    wanted = "adaptive-compute-scheduler[live]"
    subprocess.run([*install, "--find-links", str(WHEELS), wanted], check=True)

# %% [markdown]
# ## The engine
#
# Four GPUs of 24 GB share one copy of the model, one of 80 GB holds it alone: each GPU that is
# there takes its part. `make_predict` looks for the model, vLLM and room on the GPU before the
# gateway starts, and says in one line what is missing.

# %%
from engine.vllm.inprocess import InProcessEngine
from engine.vllm.settings import VllmSettings

if ON_KAGGLE:
    gpus = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    settings = VllmSettings(
        model=str(MODEL),
        max_model_len=65_536,
        max_sequences=32,
        gpu_memory_utilization=0.92,
        tensor_parallel_size=len(gpus.stdout.splitlines()),
    )
    engine = InProcessEngine(settings)
    profile = None  # measured while the first question waits
    total_s, questions = 17_400, 50
else:
    import numpy as np

    from engine.kaggle.pretend import PRETENDED, pretend_engine
    from engine.problems.generate import generate

    problems = generate(seed=0, count=10)
    gold = {problem.question: problem.gold for problem in problems}
    engine = pretend_engine(gold, np.random.default_rng(0))
    profile = PRETENDED
    total_s, questions = 20, len(problems)

# %% [markdown]
# ## Predict
#
# Five hours less ten minutes, fifty questions, the fitted price of a second. The journal lets a
# kernel that was restarted go on; to begin anew, delete it or name another.

# %%
from engine.kaggle import make_predict

predict = make_predict(
    engine,
    "shadow-price",
    total_s,
    questions,
    began=BEGAN,
    profile=profile,
    fallback=0,
    journal="run.jsonl",
)

# %% [markdown]
# ## Serve
#
# In the rerun that counts Kaggle asks; before that its gateway plays the contest's test file.

# %%
if ON_KAGGLE:
    import kaggle_evaluation.aimo_3_inference_server as aimo

    server = aimo.AIMO3InferenceServer(predict)
    if os.environ.get("KAGGLE_IS_COMPETITION_RERUN"):
        server.serve()
    else:
        server.run_local_gateway((str(CONTEST / "test.csv"),))
else:
    import polars as pl

    from engine.kaggle.gateway import read_sheet, run_gateway

    rows = [{"id": one.question_id, "problem": one.question} for one in problems]
    pl.DataFrame(rows).write_csv("test.csv")
    run = run_gateway(predict, read_sheet(Path("test.csv")), submission=Path("submission.parquet"))
    predict.close()

# %%
if not ON_KAGGLE:
    right = sum(str(call.answer) == one.gold for call, one in zip(run.calls, problems, strict=True))
    print(f"{right} of {len(problems)} right after {time.time() - BEGAN:.0f} of {total_s} seconds")
    print(run.submission)
