"""Pieces of pages that show runs: stacked bars, lanes, keys and folded questions."""

from __future__ import annotations

MACROS = """\
{%- macro bar(parts) -%}
<span class="bar" aria-hidden="true">{% for part in parts %}\
<i class="{{ part.kind }}" style="width:{{ part.width }}%"></i>{% endfor %}</span>
{%- endmacro %}
{%- macro picture(lanes) %}
<div class="lanes">
<div class="names" aria-hidden="true">{% for lane in lanes.lanes %}\
{% if lane.href %}<a href="{{ lane.href }}" tabindex="-1">{{ lane.number }}</a>\
{% else %}<span>{{ lane.number }}</span>{% endif %}{% endfor %}</div>
<svg viewBox="0 0 1000 {{ lanes.height }}" height="{{ lanes.height }}" \
preserveAspectRatio="none" role="list" aria-label="{{ lanes.spoken }}">
<path class="grid" d="M250 0V{{ lanes.height }}M500 0V{{ lanes.height }}M750 0V{{ lanes.height }}"/>
{%- for lane in lanes.lanes %}
<g role="listitem"><title>{{ lane.title }}</title>\
{% if lane.before %}<path class="before" d="{{ lane.before }}"/>{% endif %}\
<rect class="{{ lane.kind }}" x="{{ lane.x }}" y="{{ lane.y }}" width="{{ lane.width }}" \
height="9"/>\
{% if lane.gaps %}<path class="gap" d="{{ lane.gaps }}"/>{% endif %}\
{% if lane.marks %}<path class="mark" d="{{ lane.marks }}"/>{% endif %}</g>
{%- endfor %}
{%- for x, kind in lanes.rules %}
<path class="rule {{ kind }}" d="M{{ x }} 0V{{ lanes.height }}"/>
{%- endfor %}
</svg>
<div class="labels" aria-hidden="true">{% for lane in lanes.lanes %}<span>{{ lane.label }}</span>\
{% endfor %}</div>
<div class="ticks">{% for tick in lanes.ticks %}<span>{{ tick }}</span>{% endfor %}</div>
<p class="told" aria-live="polite"></p>
</div>
{%- endmacro %}
{%- macro key(kinds) %}
<ul class="key">
{%- for kind, word in kinds %}
<li><i class="swatch {{ kind }}"></i>{{ word }}</li>
{%- endfor %}
</ul>
{%- endmacro %}
{%- macro folded(blocks) %}
<p class="all"><button type="button" data-open="true">Open all</button> \
<button type="button" data-open="false">Close all</button></p>
{%- for block in blocks %}
<details id="{{ block.anchor }}">
<summary><i class="swatch {{ block.kind }}"></i><b>{{ block.place }}</b> \
<span class="name">{{ block.question_id }}</span> \
<span class="soft">{{ block.line }}</span></summary>
{%- if block.text %}
<p class="soft">{{ block.text }}</p>
{%- endif %}
<p>{{ block.votes }}. {{ block.ending }}</p>
{%- if block.lanes.lanes %}
{{- picture(block.lanes) }}
{%- endif %}
</details>
{%- endfor %}
{%- endmacro %}
"""
