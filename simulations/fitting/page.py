"""The page of a fit: one file that needs no other, in the look of a replay's report."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING

from simulations.fitting.pictures import calibration_picture, hull_picture, value_picture
from simulations.fitting.table import fit_table
from simulations.report.rendering import render
from terminal.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from policies.pricing import Parameters
    from scheduler import LatencyProfile
    from simulations.fitting.assembling import Fit

_TITLE = "When to stop, and what a second is worth"

_BODY = """\
<body>
<main>
<h1>{{ title }}</h1>
<noscript><p><strong>The pictures need JavaScript.</strong></p></noscript>
<dl>
{%- for name, value in facts %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
{%- for one in drawn %}
<h2>{{ one.picture.title }}</h2>
<figure>
<ul class="key">
{%- for sign in one.key %}
<li><span class="mark"><svg viewBox="-1 -1 2 2" aria-hidden="true">\
<path d="{{ sign.shape }}" fill="{{ sign.colour }}"/></svg></span>{{ sign.text }}</li>
{%- endfor %}
</ul>
<div class="chart" role="img" aria-label="{{ one.picture.alt }}" \
data-place="{{ loop.index0 }}"></div>
<figcaption>{{ one.picture.caption }}</figcaption>
</figure>
{%- endfor %}
{%- for sheet in sheets %}
<h2>{{ sheet.title }}</h2>
<p class="soft">{{ sheet.note }}</p>
<div class="wide" role="region" tabindex="0" aria-label="{{ sheet.title }}">
<table>
<thead><tr>{% for column in sheet.columns %}\
<th{% if loop.first %} class="number"{% endif %} scope="col">\
{% for line in column.split("\\n") %}{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}\
</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in sheet.rows %}
<tr><th class="policy number" scope="row">{{ row[0] }}</th>
{%- for cell in row[1:] %}<td>{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endfor %}
<h2>The command that made this</h2>
<pre><code>{{ command }}</code></pre>
"""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A table.

    Attributes:
        title: What it shows.
        note: How to read it.
        columns: Names.
        rows: A text for each column.
    """

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]


def write_page(fit: Fit, profile: LatencyProfile, path: Path, command: str) -> None:
    """Write the page of a fit, whole or not at all; equal arguments give equal bytes.

    Args:
        fit: What was fitted.
        profile: What turns its units into seconds.
        path: The HTML file; its folder must be there.
        command: What made the fit, to be shown.

    Raises:
        OSError: if the disk refuses.
    """
    drawn = [
        calibration_picture(fit.calibration),
        hull_picture(fit, profile),
        value_picture(fit, profile),
    ]
    page = render(
        _BODY,
        {
            "facts": _facts(fit.whole),
            "drawn": drawn,
            "sheets": [_accuracies(fit, profile), _weights(fit.whole)],
        },
        title=_TITLE,
        command=command,
        pictures=(one.picture for one in drawn),
    )
    write_whole(path, page.encode())


def _facts(whole: Parameters) -> list[tuple[str, str]]:
    """Return what the parameters say of themselves, each fact with its name."""
    settings = ", ".join(f"{name} {value}" for name, value in whole.settings.items())
    levels = ", ".join(f"{name} {price:.3g}" for name, price in whole.levels.items())
    facts = [
        ("Parameters", whole.name),
        ("Models", ", ".join(whole.models)),
        *(("Trace", digest) for digest in whole.traces),
        ("Settings", settings),
        ("Unit", f"{whole.unit_tokens:,.0f} tokens, the median length of a sample"),
        ("Probes", f"every {whole.probe_every_tokens:,} tokens of a sample"),
        ("Cut", f"a sample is given up past {whole.cut_tokens:,} tokens"),
        ("Off", ", ".join(whole.off) or "nothing: probes and entropies were logged"),
        ("Levels", f"{levels} (accuracy per 1,000 tokens)"),
    ]
    if whole.priors:
        facts.append(("Priors", ", ".join(prior.name for prior in whole.priors)))
    return facts


def _accuracies(fit: Fit, profile: LatencyProfile) -> _Sheet:
    """Return the table of the terminal."""
    table = fit_table(fit, profile)
    first, *widths = (str(column.header) for column in table.columns)
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    return _Sheet(
        title="Accuracy by seconds and width",
        note="In percent, cross-fitted: what so many seconds a question buy at so many samples "
        "at once, by the learnt rule or a rule of a lead. The best of each row has a star.",
        columns=[first, *(f"width\n{width}" for width in widths)],
        rows=[list(row) for row in zip(*cells, strict=True)],
    )


def _weights(whole: Parameters) -> _Sheet:
    """Return what the learnt rules weigh, a row a feature."""
    names = [*whole.features, *(prior.name for prior in whole.priors)]
    columns, cells = ["feature"], [[*names, "constant", "bend"]]
    for rule in whole.rules:
        price = whole.levels["middle"] * rule.width * whole.unit_tokens / 1000.0
        p = log(min(max(price, rule.price[0]), rule.price[-1]))  # as the rule itself does
        level = [*rule.level, rule.constant, 0.0]
        slope = [*rule.slope, rule.slope_constant, rule.bend * p]
        middle = [a + p * b for a, b in zip(level, slope, strict=True)]
        slope[-1] = rule.bend
        columns += [f"width {rule.width}\n{name}" for name in ("level", "slope", "at middle")]
        cells += [[f"{weight:+.2f}" for weight in column] for column in (level, slope, middle)]
    return _Sheet(
        title="What the rules look at",
        note="A question ends where the sum of all weights times features is above 0. A weight is "
        "level + p · slope, p the natural logarithm of the price (accuracy per unit); the bend "
        "weighs p². At middle: at the price of the level of that name. Above 0, more of a feature "
        "ends a question sooner; features are explained in policies/evidence.py.",
        columns=columns,
        rows=[list(row) for row in zip(*cells, strict=True)],
    )
