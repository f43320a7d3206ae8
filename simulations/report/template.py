"""The page that a report fills in; Jinja escapes all that it is given, save the bundled scripts."""

from __future__ import annotations

HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:">
<link rel="icon" href="data:,">
<title>{{ title }}</title>
<style>
:root {
  color-scheme: light dark;
  --page: #fff; --ink: #1c1f23; --soft: #5b626b; --line: #d9dde2; --tint: #f4f6f8;
  --heat: 0, 114, 178;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171a; --ink: #e6e8ea; --soft: #a0a8b1; --line: #343a41; --tint: #1d2126;
    --heat: 86, 180, 233;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 60rem;
  background: var(--page); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif;
}
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 44rem; }
h1, h2, p, summary { overflow-wrap: anywhere; }
.soft, figcaption, small { color: var(--soft); }
figcaption, .soft { font-size: .9rem; }
code { font: .9em ui-monospace, monospace; overflow-wrap: break-word; }
figure { margin: 0; }
.key { list-style: none; padding: 0; margin: 1rem 0 .5rem; display: flex; flex-wrap: wrap; \
gap: .25rem 1.5rem; }
.key li { display: flex; gap: .45rem; align-items: baseline; }
.mark { white-space: nowrap; font-weight: bold; font-variant-numeric: tabular-nums; }
.mark svg { width: .85em; height: .85em; overflow: visible; margin-right: .45em; }
.chart { width: 100%; min-height: 24rem; }
.chart text { stroke: var(--page); stroke-width: 3px; paint-order: stroke; }
.wide { position: relative; overflow-x: auto; border-block: 1px solid var(--line); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .6rem; text-align: right; vertical-align: top; }
thead th { font-size: .85rem; line-height: 1.25; vertical-align: bottom; white-space: nowrap; }
thead th, td small, th small { font-weight: normal; color: var(--soft); }
th small { display: block; font-size: .8rem; line-height: 1.35; }
tbody tr { border-top: 1px solid var(--line); }
td small { display: block; font-size: .8rem; white-space: nowrap; }
.reasons th { white-space: normal; }
.number, .policy { text-align: left; }
.number { position: sticky; left: 0; background: var(--page); }
.policy { font-weight: normal; min-width: 11rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .35rem 1.25rem; }
dt { color: var(--soft); }
dt, dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
pre { background: var(--tint); border: 1px solid var(--line); border-radius: .4rem; \
padding: .75rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media (max-width: 30rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .6rem; }
  .policy { min-width: 8rem; }
  th, td { padding: .35rem .4rem; }
}
th button { all: unset; cursor: pointer; display: inline-block; color: inherit; font: inherit; \
text-align: inherit; }
th button:focus-visible { outline: 2px solid currentColor; outline-offset: 2px; }
th button::after { content: "\\2195"; opacity: .45; margin-left: .25em; }
[aria-sort=ascending] button::after { content: "\\2191"; opacity: 1; }
[aria-sort=descending] button::after { content: "\\2193"; opacity: 1; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); \
white-space: nowrap; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .45em; \
border-radius: 2px; background: var(--c); box-shadow: inset 0 0 0 1px var(--soft); }
.left { text-align: left; white-space: nowrap; }
.nowrap { white-space: nowrap; }
.bar { display: flex; height: .9rem; margin-top: .3rem; min-width: 5rem; gap: 1px; \
overflow: hidden; border-radius: 2px; }
.bar i { background: var(--c); box-shadow: inset 0 0 0 1px var(--line); }
.whole { margin: .75rem 0; }
.whole .bar { height: 2rem; }
.name { overflow-wrap: anywhere; }
a { color: inherit; }
.lanes { display: grid; grid-template-columns: auto minmax(0, 1fr) auto; column-gap: .4rem; \
margin: .75rem 0; font: 11px/15px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
.lanes svg { width: 100%; display: block; background: var(--tint); }
.lanes .names > *, .lanes .labels > * { display: block; height: 15px; white-space: nowrap; }
.lanes .names { text-align: right; color: var(--soft); }
.ticks { grid-column: 2; display: flex; justify-content: space-between; color: var(--soft); }
.lanes .told { grid-column: 1 / -1; margin: 0; max-width: none; font-size: .9rem; \
line-height: 1.4; }
.lanes rect { fill: var(--c); stroke: var(--soft); stroke-width: .5px; \
vector-effect: non-scaling-stroke; }
.lanes path { fill: none; stroke: var(--ink); vector-effect: non-scaling-stroke; }
.lanes .grid { stroke: var(--line); }
.lanes .before { stroke: var(--soft); }
.lanes .gap { stroke: var(--tint); stroke-width: 5px; }
.lanes .settled { stroke-dasharray: 4 3; }
summary { cursor: pointer; padding: .45rem 0; }
details { border-top: 1px solid var(--line); }
details[open] { padding-bottom: .75rem; }
.all button { font: inherit; font-size: .9rem; padding: .3rem .8rem; }
@media print { details::details-content { content-visibility: visible; } }
#vg-tooltip-element { background: var(--tint); color: var(--ink); border: 1px solid var(--line); \
max-width: 90vw; }
#vg-tooltip-element table { width: auto; }
#vg-tooltip-element td, #vg-tooltip-element td.key { color: inherit; padding: .1rem .3rem; \
text-align: left; }
{%- for kind, colour in (colours_of_kinds | default({})).items() %}
.{{ kind }} { --c: {{ colour }}; }
{%- endfor %}
</style>
</head>
"""
"""The page up to its body."""

REPORT = """\
<body>
{%- macro mark(place) -%}
<span class="mark"><svg viewBox="-1 -1 2 2" aria-hidden="true">\
<path d="{{ shapes[place] }}" fill="{{ colours[place] }}"/></svg>{{ place + 1 }}</span>
{%- endmacro %}
{%- macro name(policy) -%}
<code>{% for piece in pieces(policy) %}{{ piece }}<wbr>{% endfor %}</code>
{%- endmacro %}
{%- macro table(grid) %}
<div class="wide" role="region" tabindex="0" aria-label="{{ grid.title }}">
<table>
<thead><tr><th class="number" scope="col">#</th><th class="policy" scope="col">policy</th>
{%- for column in grid.columns %}<th scope="col">{% for line in column.split("\\n") %}\
{{ line }}{% if not loop.last %}<br>{% endif %}{% endfor %}</th>{% endfor %}</tr></thead>
<tbody>
{%- for row in grid.rows %}
<tr><td class="number">{{ mark(row.place) }}</td>\
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
<ul class="key" aria-label="Policies">
{%- for policy in policies %}
<li>{{ mark(loop.index0) }} {{ name(policy.policy) }}</li>
{%- endfor %}
</ul>
{%- for picture in pictures %}
<h2>{{ picture.title }}</h2>
<figure>
<div class="chart" role="img" aria-label="{{ picture.alt }}" data-place="{{ loop.index0 }}"></div>
<figcaption>{{ picture.caption }}</figcaption>
</figure>
{%- endfor %}
{%- for grid in grids %}
<h2>{{ grid.title }}</h2>
{%- if loop.first %}
<p class="soft">{{ legend }}</p>
{%- endif %}
{{- table(grid) }}
{%- endfor %}
<h2>How questions ended</h2>
<p class="soft">Share of each policy's questions (%), by the reason for which they ended.</p>
<div class="wide" role="region" tabindex="0" aria-label="How questions ended">
<table class="reasons">
<thead><tr><th class="number" scope="col">#</th><th class="policy" scope="col">policy</th>
{%- for reason in reasons %}<th scope="col">{{ reason }}</th>{% endfor %}</tr></thead>
<tbody>
{%- for policy in policies %}
{%- set total = policy.reasons.values() | sum %}
<tr><td class="number">{{ mark(loop.index0) }}</td>\
<th class="policy" scope="row">{{ name(policy.policy) }}</th>
{%- for reason in reasons %}
{%- set share = policy.reasons.get(reason, 0) / total if total else 0 %}
{%- if reason in policy.reasons %}\
<td style="background: rgba(var(--heat), {{ "%.3f" | format(0.45 * share) }})">\
{{ "%.1f" | format(100 * share) }}</td>
{%- else %}<td class="soft">–</td>{% endif %}
{%- endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
{%- if streams %}
<h2>Where the first stream's time went</h2>
<p class="soft">The first of the streams{{ of_model }}, in seconds of its clock. Where several \
samples ran at once, each has an equal part of the second. A vote is settled once no running \
sample could change the answer, and at the latest when the answer is out. Each row adds up to the \
stream.</p>
<div class="wide" role="region" tabindex="0" aria-label="Where the first stream's time went">
<table>
<thead><tr><th class="number" scope="col">#</th><th class="policy" scope="col">policy</th>\
<th class="left" scope="col">all of it</th>
{%- for use in uses %}<th scope="col"><i class="swatch {{ use.kind }}"></i>{{ use.name }}<br>(s)\
</th>\
{%- endfor %}</tr></thead>
<tbody>
{%- for stream in streams %}
<tr><td class="number">{{ mark(loop.index0) }}</td>\
<th class="policy" scope="row">{{ name(stream.policy) }}</th>\
<td data-value="{{ stream.first }}">{{ bar(stream.parts) }}</td>
{%- for cell in stream.cells %}<td>{{ cell }}</td>{% endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
<dl>
{%- for use in uses %}
<dt><i class="swatch {{ use.kind }}"></i>{{ use.name }}</dt><dd>{{ use.meaning }}</dd>
{%- endfor %}
</dl>
<h2>The first stream, question by question</h2>
<p class="soft">A bar a question, from its opening to its answer, on the clock of the stream in \
seconds; a tick marks when the vote was settled, if that was before. Under it a bar a sample, \
while it ran, on the clock of its question; ticks are answers to probes, rules the moments at \
which the vote was settled (dashed) and the answer was out. Point at a bar, or tap it, for its \
story.</p>
{{- key(outcome_kinds) }}
{{- key(sample_kinds) }}
{%- for stream in streams %}
<details id="p{{ loop.index }}">
<summary>{{ mark(loop.index0) }} {{ name(stream.policy) }} \
<span class="soft">{{ stream.line }}</span></summary>
{{- picture(stream.lanes) }}
{%- if stream.blocks %}
{{- folded(stream.blocks) }}
{%- else %}
<p class="soft">Too many samples for this page; <code>--policy {{ stream.policy }} --journal \
stream.jsonl</code> writes them down, and <code>python -m simulations.report stream.jsonl</code> \
shows them.</p>
{%- endif %}
</details>
{%- endfor %}
{%- endif %}
<h2>What was replayed</h2>
<dl>
{%- for name, value in facts %}
<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl>
<h2>The command that made this</h2>
<pre><code>{{ command }}</code></pre>
"""
"""The body of a replay's report, up to the end of its main part."""

TAIL = """\
</main>
<script>{{ bundle }}</script>
<script>
const specs = {{ specs }};
for (const place of document.querySelectorAll(".chart")) {
  vegaEmbed(place, specs[place.dataset.place], {
    mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, ast: true,
  }).then(() => { // the words for it stand around it
    place.querySelector("svg").ariaHidden = "true";
  }).catch((error) => { place.textContent = `This picture failed: ${error.message}`; });
}
// Tables sort by a click, or by the keyboard, on a column's name.
const valueOf = (cell) => cell.dataset.value ?? cell.firstChild?.textContent.trim() ?? "";
const textOf = (cell) => cell.dataset.value ?? cell.textContent.trim();
const numberOf = (text) => Number.parseFloat(text.replaceAll(",", "").replace("−", "-"));
const order = (cells, down) => {
  const known = cells.filter((cell) => valueOf(cell) !== "–");
  const numeric = known.every((cell) => /^[+−-]?[0-9,]*[.]?[0-9]/.test(valueOf(cell)));
  const compare = numeric
    ? (a, b) => numberOf(valueOf(a)) - numberOf(valueOf(b))
    : (a, b) => textOf(a).localeCompare(textOf(b), "en", { numeric: true });
  known.sort((a, b) => (down ? compare(b, a) : compare(a, b)));
  return [...known, ...cells.filter((cell) => valueOf(cell) === "–")];
};
for (const head of document.querySelectorAll("table thead th")) {
  const button = document.createElement("button");
  button.type = "button";
  button.append(...head.childNodes);
  head.append(button);
  button.addEventListener("click", () => {
    const body = head.closest("table").tBodies[0];
    const down = head.ariaSort === "ascending";
    for (const other of head.parentElement.children) other.ariaSort = null;
    head.ariaSort = down ? "descending" : "ascending";
    const cells = [...body.rows].map((row) => row.cells[head.cellIndex]);
    body.append(...order(cells, down).map((cell) => cell.parentElement));
  });
}
// A lane tells its story to whoever taps it; pointers that hover have its title.
for (const lanes of document.querySelectorAll(".lanes")) {
  const svg = lanes.querySelector("svg");
  svg.addEventListener("click", (event) => {
    const titles = svg.querySelectorAll("g > title");
    const box = svg.getBoundingClientRect();
    const place = Math.floor(((event.clientY - box.top) / box.height) * titles.length);
    lanes.querySelector(".told").textContent = titles[place]?.textContent ?? "";
  });
}
// What is folded opens where a link or the address leads to it.
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  if (!(target instanceof HTMLDetailsElement)) return;
  for (let one = target; one; one = one.parentElement.closest("details")) one.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", unfold);
unfold();
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", () => {
    const open = button.dataset.open === "true";
    const around = button.closest("details, main");
    for (const details of around.querySelectorAll("details")) details.open = open;
  });
}
</script>
</body>
</html>
"""
