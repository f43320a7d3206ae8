"""How long something takes, as people read it."""

from __future__ import annotations

_MINUTE_S = 60
_HOUR_S = 3600


def spell(seconds: float) -> str:
    """Spell a number of seconds, the more roughly the longer: `8.3 s`, `5 min 10 s`, `1 h 05 min`.

    Args:
        seconds: Finite; below 0 counts as 0.
    """
    if seconds < 9.95:  # noqa: PLR2004 - rounds to ten
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 2 * _MINUTE_S:
        return f"{whole} s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    minutes = round(seconds / _MINUTE_S)
    return f"{minutes // 60} h {minutes % 60:02} min"
