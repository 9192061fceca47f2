"""Products and linear algebra as plain loops, each one a function of a file that stands alone.

The loops are those of `prelude.py` and `linear.py` where there is no library; only what a file calls stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from symgrad.codegen.c.linear import CHOLESKY, FACTORED, LAPACK, SUBSTITUTED
from symgrad.codegen.c.prelude import BLAS, GEMV


def _piece(text: str, name: str) -> str:
    """A function of a text, with its comment."""
    found = re.search(rf"^/\* (?:(?!^/\*).)*?\b{name}\((?:.|\n)*?\n}}\n", text, re.MULTILINE | re.DOTALL)
    assert found is not None, name
    return found[0]


def _body(text: str, name: str, lines: str, before: str = "", after: str = "") -> str:
    """A function of a text whose body is these loops."""
    head = re.match(r"(?:.|\n)*?\) \{\n", _piece(text, name))
    assert head is not None, name
    own = "".join(line.removeprefix("  ") for line in lines.splitlines(keepends=True))
    return f"{head[0]}{before}{own}{after}}}\n"


PLAIN: Mapping[str, str] = MappingProxyType({  # in the order in which one calls another
    "gemv": _body(BLAS, "gemv", GEMV, "  const int64_t m = t ? columns : rows, n = t ? rows : columns;\n"),
    "columns": _piece(LAPACK, "columns"),
    "pivot": _body(LAPACK, "pivot", "    return ((const int64_t *)pivots)[i] - 1;\n"),
    "factored": _body(LAPACK, "factored", FACTORED, "  int64_t info = 0;\n", "  return info;\n"),
    "substituted": _body(LAPACK, "substituted", SUBSTITUTED),
    "solve": _piece(LAPACK, "solve"),
    "determinant": _piece(LAPACK, "determinant"),
    "cholesky": re.sub(r"  if \(n && kind == 1\) \{\n(?:.|\n)*?  \} else \{\n(?:.|\n)*?\n  \}\n(?=  for)",
                       lambda _: "".join(line.removeprefix("  ") for line in CHOLESKY.splitlines(keepends=True)),
                       _piece(LAPACK, "cholesky")),
})


def called_by(code: str) -> list[str]:
    """The functions that this code calls, and those that they call."""
    wanted: dict[str, str] = {}
    for name, text in reversed(list(PLAIN.items())):
        if re.search(rf"(?<!\w){name}\(", "\n".join([code, *wanted.values()])):
            wanted[name] = text
    return [text for name, text in PLAIN.items() if name in wanted]
