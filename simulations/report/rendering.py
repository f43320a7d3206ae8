"""Putting a page together: one file that needs no other, and no network."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import vl_convert
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from simulations.report.template import HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from simulations.report.look import Picture


def render(
    body: str,
    fields: Mapping[str, object],
    *,
    title: str,
    command: str,
    pictures: Iterable[Picture],
) -> str:
    """Return a page.

    Args:
        body: Template of what stands between head and tail.
        fields: What the body shows, by name; a name that is missing is an error.
        title: Of the page.
        command: What made it, to be shown.
        pictures: In the order in which they stand.
    """
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        HEAD + body + TAIL
    )
    return template.render(
        {
            **fields,
            "title": title,
            "command": command,
            "bundle": Markup(_scripts()),  # noqa: S704 - our own dependency
            "specs": _script_json([picture.spec for picture in pictures]),
        }
    )


def _scripts() -> str:
    """Return Vega, Vega-Lite and the function `vegaEmbed`, all in one."""
    return vl_convert.javascript_bundle()  # type: ignore[call-arg] # its stub lacks the default


def _script_json(value: object) -> Markup:
    """Write JSON that cannot end the script element it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - no tag can begin without a "<"
