"""The page of a comparison: one file that needs no other, in the look of a replay's report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulations.compare.pictures import (
    family_of,
    family_places,
    seconds_picture,
    tokens_picture,
)
from simulations.compare.table import LEGEND, Sheet, facts, sheets
from simulations.report.look import Picture, colour_of, shape_of
from simulations.report.rendering import render
from simulations.results_table import pieces

if TYPE_CHECKING:
    from simulations.compare.results import CompareResults, ContextResult

_TITLE = "What policies buy with their time"

_BODY = """\
<body>
{%- macro sign(place) -%}
<svg viewBox="-1 -1 2 2" aria-hidden="true">\
<path d="{{ shapes[place] }}" fill="{{ colours[place] }}"/></svg>
{%- endmacro %}
{%- macro name(policy) -%}
<code>{% for piece in pieces(policy) %}{{ piece }}<wbr>{% endfor %}</code>
{%- endmacro %}
{%- macro table(section, sheet) %}
<div class="wide" role="region" tabindex="0" aria-label="{{ sheet.grid.title }}">
<table>
<thead><tr><th class="number" scope="col">{{ "" if sheet.families else "#" }}</th>\
<th class="policy" scope="col">{{ "family" if sheet.families else "policy" }}</th>
{%- for column in sheet.grid.columns %}<th scope="col">{% for line in column.split("\\n") %}\
{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in sheet.grid.rows %}
<tr><td class="number"><span class="mark">\
{{ sign(row.place if sheet.families else section.families[row.place]) }}\
{{ "" if sheet.families else row.place + 1 }}</span></td>\
<th class="policy" scope="row">{{ name(row.policy) }}</th>
{%- for cell in row.cells %}<td>{{ cell.value }}\
{% if cell.interval %} <small>{{ cell.interval }}</small>{% endif %}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endmacro %}
<main>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
<noscript><p><strong>The pictures need JavaScript; the tables hold the same figures.</strong></p>\
</noscript>
<p class="soft">{{ legend }}</p>
{%- for section in sections %}
{%- if sections | length > 1 %}
<h2>Context {{ loop.index }} of {{ sections | length }}</h2>
{%- endif %}
<dl>
{%- for fact, value in section.facts %}
<dt>{{ fact }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
<ul class="key" aria-label="Policies">
{%- for policy in section.policies %}
<li><span class="mark">{{ sign(section.families[loop.index0]) }}{{ loop.index }}</span> \
{{ name(policy) }}</li>
{%- endfor %}
</ul>
{%- for picture in section.pictures %}
<h2>{{ picture.title }}</h2>
<figure>
<div class="chart" role="img" aria-label="{{ picture.alt }}" \
data-place="{{ section.first + loop.index0 }}"></div>
<figcaption>{{ picture.caption }}</figcaption>
</figure>
{%- endfor %}
{%- for sheet in section.sheets %}
<h2>{{ sheet.grid.title }}</h2>
{{- table(section, sheet) }}
{%- endfor %}
{%- endfor %}
<h2>The command that made this</h2>
<pre><code>{{ command }}</code></pre>
"""


@dataclass(frozen=True, slots=True)
class _Section:
    """One context of the page.

    Attributes:
        facts: What its cells share.
        policies: All policies.
        families: The place of each policy's family.
        pictures: Against seconds and against tokens.
        first: Pictures on the page before.
        sheets: The tables.
    """

    facts: list[tuple[str, str]]
    policies: list[str]
    families: list[int]
    pictures: list[Picture]
    first: int
    sheets: list[Sheet]


def comparison_page(results: CompareResults, command: str) -> str:
    """Return the page of a comparison; equal arguments give equal bytes.

    Args:
        results: What the comparison found.
        command: What made the results, to be shown.
    """
    sections: list[_Section] = []
    for context in results.contexts:
        first = sum(len(section.pictures) for section in sections)
        sections.append(_section(context, first))
    places = range(max(max(section.families) for section in sections) + 1)
    return render(
        _BODY,
        {
            "summary": _summary(results),
            "legend": LEGEND,
            "sections": sections,
            "colours": [colour_of(place) for place in places],
            "shapes": [shape_of(place) for place in places],
            "pieces": pieces,
        },
        title=_TITLE,
        command=command,
        pictures=(picture for section in sections for picture in section.pictures),
    )


def _section(context: ContextResult, first: int) -> _Section:
    places = family_places(context)
    return _Section(
        facts=facts(context, digest_length=None),
        policies=context.policies,
        families=[places[family_of(policy)] for policy in context.policies],
        pictures=[seconds_picture(context), tokens_picture(context)],
        first=first,
        sheets=sheets(context),
    )


def _summary(results: CompareResults) -> str:
    policies = {policy for context in results.contexts for policy in context.policies}
    cells = sum(
        len(budget.policies) for context in results.contexts for budget in context.overall.budgets
    )
    contexts = len(results.contexts)
    return (
        f"{len(policies):,} {'policy' if len(policies) == 1 else 'policies'} in {cells:,} "
        f"{'cell' if cells == 1 else 'cells'}, compared "
        f"{f'in {contexts:,} contexts' if contexts > 1 else 'on the same questions'}; "
        f"{results.resamples:,} resamples, seed {results.seed}."
    )
