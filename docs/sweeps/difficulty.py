"""Make two traces for the study of early difficulty in docs/shadow-price.md, of the bundled one.

python docs/sweeps/difficulty.py QUESTIONS.parquet FOLDER

QUESTIONS holds `question_id`, `source` and `question` (the text, which is not bundled). FOLDER
gets `plain`, without entropies, and `full`, with them and with features of the questions: `text`,
the pass@1 that a ridge regression on tf-idf of the text predicts, never having seen the question;
`across`, the same never having seen any question of its source; `prompt_tokens`; `level`, as
bundled; and `pass_rate` itself, which nobody knows beforehand.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from simulations.bundled import default_traces
from simulations.traces import read_trace, write_trace

SIGNALS = ("mean_entropy", "tail_entropy", "confidence")


def main() -> None:
    """Write both traces; say how well each feature ranks the questions."""
    texts, folder = pl.read_parquet(sys.argv[1]), Path(sys.argv[2])
    trace = read_trace(default_traces())
    gold = trace.questions.select("question_id", "gold")
    by_question = (
        trace.samples.join(gold, on="question_id")
        .group_by("question_id")
        .agg(
            feature_pass_rate=(pl.col("answer") == pl.col("gold")).fill_null(value=False).mean(),
            feature_prompt_tokens=pl.col("prompt_tokens").first().cast(pl.Float64),
        )
    )
    questions = trace.questions.join(by_question, on="question_id", maintain_order="left")
    known = questions.join(
        texts.select("question_id", "source", text="question"),
        on="question_id",
        maintain_order="left",
    )
    rate = known["feature_pass_rate"].to_numpy()
    text = known["text"].to_list()
    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, min_df=2, ngram_range=(1, 2)),
        RidgeCV(np.geomspace(0.1, 100, 13)),
    )
    sources = known["source"].to_list()
    folds = KFold(10, shuffle=True, random_state=0)
    within = cross_val_predict(model, text, rate, cv=folds)
    across = cross_val_predict(model, text, rate, cv=GroupKFold(len(set(sources))), groups=sources)
    questions = questions.with_columns(feature_text=within, feature_across=across)
    for name in ("text", "across", "prompt_tokens", "level"):
        there = questions[f"feature_{name}"].is_not_null().to_numpy()
        values = questions[f"feature_{name}"].to_numpy()[there]
        auc = roc_auc_score(rate[there] >= 0.5, values)  # noqa: PLR2004 - the usual half
        sys.stdout.write(f"{name}: AUC of pass@1 at least .5: {max(auc, 1 - auc):.2f}\n")
    write_trace(folder / "full", trace.header, trace.samples, trace.checkpoints, questions)
    nothing = [pl.lit(None, dtype=pl.Float64).alias(name) for name in SIGNALS]
    write_trace(
        folder / "plain",
        trace.header,
        trace.samples.with_columns(nothing[:2]),
        trace.checkpoints.with_columns(nothing),
        questions,
    )


if __name__ == "__main__":
    main()
