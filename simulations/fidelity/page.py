"""The page of a comparison: one file that needs no other, in the look of a replay's report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulations.fidelity.pictures import error_picture, scatter_picture
from simulations.fidelity.table import LEGEND, facts, sheets
from simulations.report.rendering import render
from terminal.files import write_whole

if TYPE_CHECKING:
    from pathlib import Path

    from simulations.fidelity.results import Fidelity

_TITLE = "How well a replay tells the time of a run"

_BODY = """\
<body>
<main>
<h1>{{ title }}</h1>
<noscript><p><strong>The pictures need JavaScript; the tables hold the same figures.</strong></p>\
</noscript>
<dl>
{%- for name, value in facts %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
{%- for picture in pictures %}
<h2>{{ picture.title }}</h2>
<figure>
<div class="chart" role="img" aria-label="{{ picture.alt }}" data-place="{{ loop.index0 }}"></div>
<figcaption>{{ picture.caption }}</figcaption>
</figure>
{%- endfor %}
{%- for sheet in sheets %}
<h2>{{ sheet.title }}</h2>
{%- if loop.first %}
<p class="soft">{{ legend }}</p>
{%- endif %}
<div class="wide" role="region" tabindex="0" aria-label="{{ sheet.title }}">
<table>
<thead><tr>{% for column in sheet.columns %}\
<th{% if loop.first or (sheet.says and loop.last) %} class="policy"{% endif %} scope="col">\
{% for line in column.split("\\n") %}{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}\
</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in sheet.rows %}
<tr><th class="policy" scope="row">{{ row[0] }}</th>
{%- for cell in row[1:] %}<td{% if sheet.says and loop.last %} class="policy"{% endif %}>\
{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- endfor %}
<h2>The command that made this</h2>
<pre><code>{{ command }}</code></pre>
"""


def write_page(fidelity: Fidelity, path: Path, command: str) -> None:
    """Write the page of a comparison, whole or not at all; equal arguments give equal bytes.

    Args:
        fidelity: What the comparison found.
        path: The HTML file; its folder must be there.
        command: What made the results, to be shown.

    Raises:
        OSError: if the disk refuses.
    """
    drawn = [scatter_picture(fidelity), error_picture(fidelity)]
    page = render(
        _BODY,
        {
            "facts": facts(fidelity),
            "pictures": drawn,
            "sheets": sheets(fidelity),
            "legend": LEGEND,
        },
        title=_TITLE,
        command=command,
        pictures=drawn,
    )
    write_whole(path, page.encode())
