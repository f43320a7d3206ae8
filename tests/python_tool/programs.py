"""Random programs: most of them right, some broken, all of them short."""

from __future__ import annotations

from hypothesis import strategies as st

_BEGIN = [
    "import sympy, numpy, networkx",
    "y = sympy.symbols('y')",
    "a, b, c, total, x = 1, 2, [3], 4, 'five'",
]

_NAMES = st.sampled_from(["a", "b", "c", "total", "x"])
_WHOLE = st.integers(-20, 20).map(str)
_OPERATORS = st.sampled_from(["+", "-", "*", "//", "%", "**", "/", "==", "<", "and", "or"])
_FORMATS = st.sampled_from(["", "5", ">9", ".3f", "x", "nonsense"])
_ALGEBRA = st.sampled_from(
    [
        "sympy.expand(({}*y + 1)**2)",
        "sympy.factor(y**2 - {}**2)",
        "sympy.solve(y**2 - {}, y)",
        "sympy.simplify((y**2 - {}**2) / (y - 1))",
        "sympy.isprime({})",
        "sympy.Rational({}, 7)",
        "numpy.arange({})",
        "numpy.ones(3) * {}",
        "networkx.path_graph(max({}, 0)).number_of_edges()",
    ]
)


def _expressions() -> st.SearchStrategy[str]:
    return st.recursive(
        _NAMES | _WHOLE | st.sampled_from(["'text'", "None", "[]", "{}", "(1, 2)", "1.5"]),
        lambda inner: (
            st.tuples(inner, _OPERATORS, inner).map(lambda of: f"({of[0]} {of[1]} {of[2]})")
            | st.lists(inner, max_size=3).map(lambda of: f"[{', '.join(of)}]")
            | st.tuples(_NAMES, inner).map(
                lambda of: f"[{of[0]} for {of[0]} in range(5) if {of[1]}]"
            )
            | st.tuples(_NAMES, inner).map(
                lambda of: f"{{{of[0]}: {of[1]} for {of[0]} in range(5)}}"
            )
            | st.tuples(_NAMES, inner).map(lambda of: f"{{{of[1]} for {of[0]} in range(5)}}")
            | st.tuples(inner, _FORMATS).map(lambda of: f"format({of[0]}, '{of[1]}')")
            | inner.map(lambda of: f"len(str({of}))")
            | inner.map(lambda of: f"sorted({of})")
            | st.tuples(_ALGEBRA, _WHOLE).map(lambda of: of[0].format(of[1]))
        ),
        max_leaves=6,
    )


def _statements() -> st.SearchStrategy[str]:
    value = _expressions()
    return st.one_of(
        st.tuples(_NAMES, value).map(" = ".join),
        value.map("print({})".format),
        value,
        st.tuples(_NAMES, value).map(lambda of: f"for {of[0]} in range(4):\n    b = {of[1]}"),
        st.tuples(value, value).map(
            lambda of: f"if {of[0]}:\n    print({of[1]})\nelse:\n    x = 1"
        ),
        value.map("try:\n    a = {}\nexcept Exception as error:\n    print(error)".format),
        st.tuples(_NAMES, value).map(
            lambda of: f"def f({of[0]}):\n    return {of[1]}\nprint(f(3))"
        ),
        value.map("class C:\n    def __repr__(self):\n        return str({})\nC()".format),
        value.map("assert {}, 'no'".format),
        st.just("raise ValueError('on purpose')"),
        st.just("while len([a for a in range(3)]) > 3: pass"),
    )


def _spoilt(program: str, at: int, how: int) -> str:
    """Leave a character out, say it twice, or put a strange one there."""
    at %= len(program) + 1
    return (
        program[:at]
        + ["", program[at : at + 1] * 2, "\x00", "€", "\ud800"][how]
        + program[at + 1 :]
    )


def programs() -> st.SearchStrategy[str]:
    """Draw a program's text."""
    whole = st.lists(_statements(), min_size=1, max_size=5).map(_BEGIN.__add__).map("\n".join)
    spoilt = st.tuples(whole, st.integers(0, 400), st.integers(0, 4)).map(lambda of: _spoilt(*of))
    return st.one_of(whole, whole, whole, spoilt, st.text(max_size=40))
