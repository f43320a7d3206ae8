"""Write the tables of docs/policies.md from `python -m simulations.compare … --json FILE`.

python docs/sweeps/tables.py FILE [by-model] > tables.md
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SHORT_S = 10.0
"""Below so many seconds a question, parts of a second matter."""


def figure(interval: Json, scale: float, digits: int, *, sign: str = "") -> str:
    """Show a mean with its interval."""
    mean, low, high = (interval[end] * scale for end in ("mean", "low", "high"))
    return f"{mean:{sign}.{digits}f} ({low:.{digits}f}…{high:.{digits}f})"


def budget_table(budget: Json, questions: int) -> list[str]:
    """Show all policies under one total time, the most accurate first."""
    total_s = budget["total_s"]
    title = "no limit of time" if total_s is None else f"{total_s / questions:g} s a question"
    lines = [
        f"### {title[0].upper()}{title[1:]}",
        "",
        "| policy | accuracy % | against self-consistency, points | thousand tokens | seconds |",
        "|---|---|---|---|---|",
    ]
    digits = 0 if total_s is None or total_s >= SHORT_S * questions else 2
    lines += [
        f"| `{one['policy']}` | {figure(one['accuracy'], 100, 1)} "
        f"| {figure(one['difference'], 100, 1, sign='+')} "
        f"| {figure(one['tokens_per_question'], 1e-3, 1)} "
        f"| {figure(one['seconds_per_question'], 1, digits)} |"
        for one in sorted(budget["policies"], key=lambda one: -one["accuracy"]["mean"])
    ]
    return [*lines, ""]


def model_table(context: Json) -> list[str]:
    """Show each model without a limit: accuracy @ thousand tokens a question."""
    models = list(context["by_model"])
    if not models:
        sys.exit("tables.py: by-model needs results of several models")
    found: dict[str, dict[str, str]] = {}
    for model in models:
        for budget in context["by_model"][model]["budgets"]:
            if budget["total_s"] is None:
                for one in budget["policies"]:
                    accuracy = 100 * one["accuracy"]["mean"]
                    tokens = one["tokens_per_question"]["mean"] / 1e3
                    found.setdefault(one["policy"], {})[model] = f"{accuracy:.1f} @ {tokens:.0f}"
    lines = [f"| policy | {' | '.join(models)} |", "|---" * (len(models) + 1) + "|"]
    for policy, cells in found.items():
        lines.append(f"| `{policy}` | {' | '.join(cells[model] for model in models)} |")
    return [*lines, ""]


def main() -> None:
    """Write Markdown to stdout."""
    results = json.loads(Path(sys.argv[1]).read_bytes())
    lines: list[str] = []
    for context in results["contexts"]:
        if "by-model" in sys.argv:
            lines += model_table(context)
            continue
        for budget in context["overall"]["budgets"]:
            lines += budget_table(budget, context["terms"]["questions"])
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
