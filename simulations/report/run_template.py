"""The body of one run's page, between the head and the tail that all pages share."""

from __future__ import annotations

RUN = """\
<body>
<main>
<h1>{{ title }}</h1>
<p>{{ summary }}</p>
<h2>Where the time went</h2>
<p class="soft">Seconds of the stream's clock. Where several samples ran at once, each has an \
equal part of the second. A vote is settled once no running sample could change the answer, and at \
the latest when the answer is out. The parts add up to {{ whole }} s.</p>
<div class="whole" role="img" aria-label="Where the time went; the table below holds the figures.">\
{{ bar(parts) }}</div>
<div class="wide" role="region" tabindex="0" aria-label="Where the time went">
<table>
<thead><tr><th class="policy" scope="col">part</th><th scope="col">seconds<br>(s)</th>\
<th scope="col">share<br>(%)</th></tr></thead>
<tbody>
{%- for part in parts %}
<tr><th class="policy" scope="row"><i class="swatch {{ part.kind }}"></i>{{ part.name }}\
<small>{{ part.meaning }}</small></th>\
<td>{{ part.seconds }}</td><td>{{ part.percent }}</td></tr>
{%- endfor %}
</tbody>
</table>
</div>
<h2>{{ burn_down.title }}</h2>
<noscript><p><strong>This picture needs JavaScript; the table of questions holds the same \
figures.</strong></p></noscript>
<figure>
<div class="chart" role="img" aria-label="{{ burn_down.alt }}" data-place="0"></div>
<figcaption>{{ burn_down.caption }}</figcaption>
</figure>
<h2>The stream</h2>
<p class="soft">A bar a question, from its opening to its answer, on the clock of the stream in \
seconds. A tick marks when the vote was settled, if that was before. \
{%- if limited %} The rule is the end of the time, its reserve taken off. {%- endif %} A number \
leads to the question's samples.</p>
{{- key(outcome_kinds) }}
{{- picture(stream) }}
<h2>Questions</h2>
<p class="soft">“Settled after” has a dash where the answer was submitted before the vote was \
settled, for another reason. The bar shows what the question's time went to, in the colours above; \
it sorts by useful seconds.</p>
<div class="wide" role="region" tabindex="0" aria-label="Questions">
<table>
<thead><tr><th class="number" scope="col">#</th><th class="policy" scope="col">question</th>\
<th class="left" scope="col">ended</th>\
<th class="left" scope="col">time went to</th>\
{%- for column in columns %}<th scope="col">{% for line in column.split("\\n") %}\
{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in rows %}
<tr><td class="number"><a href="#q{{ row.place }}">{{ row.place }}</a></td>\
<th class="policy name" scope="row">{{ row.question_id }}</th>\
<td class="left"><i class="swatch {{ row.kind }}"></i>{{ row.outcome }}</td>
<td data-value="{{ row.useful }}">{{ bar(row.parts) }}<span class="unseen">\
{% for part in row.parts %}{{ part.name }} {{ part.seconds }} s{{ ", " if not loop.last }}\
{% endfor %}</span></td>
{%- for cell in row.cells %}<td class="nowrap">{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
<h2>Why</h2>
<p class="soft">Every decision has a reason; these were given.</p>
<div class="wide" role="region" tabindex="0" aria-label="Reasons">
<table>
<thead><tr><th class="left" scope="col">decision</th><th class="policy" scope="col">reason</th>\
<th scope="col">times</th></tr></thead>
<tbody>
{%- for row in reasons %}
<tr><td class="left">{{ row.what }}</td><th class="policy" scope="row">{{ row.reason }}\
<small>since {{ row.since }}</small></th><td>{{ "{:,}".format(row.count) }}</td></tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- if troubles %}
<h2>What went wrong</h2>
<dl>
{%- for where, what in troubles %}
<dt>{{ where }}</dt><dd>{{ what }}</dd>
{%- endfor %}
</dl>
{%- endif %}
<h2 id="samples">Samples, question by question</h2>
<p class="soft">A bar a sample, while it ran, on the clock of its question in seconds. The thin \
line before it: asked for, and not yet begun. Ticks: answers to probes. Thinner stretches: waiting \
for a tool. Rules: when the vote was settled (dashed) and when the answer was out. Point at a bar, \
or tap it, for its story; a question's is told by <code>python -m simulations.explain</code>.</p>
{{- key(sample_kinds) }}
{{- folded(blocks) }}
<h2>What ran</h2>
<dl>
{%- for name, value in facts %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
<h2>The command that made this</h2>
<pre><code>{{ command }}</code></pre>
"""
