"""`sg.parse`: a formula as people type it, as symgrad prints it, as papers set it.

A text is read in Python's grammar (`python_text.py`); where that has no meaning for it, as mathematics (`formula.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from symgrad.graphs.errors import ParseError, ShapeError, SymgradError
from symgrad.reading import vocabulary as words
from symgrad.reading.formula import read_formula, unlabelled
from symgrad.reading.grammar import LENGTH, OneLine
from symgrad.reading.python_text import read_python
from symgrad.reading.tex import is_tex
from symgrad.reading.vocabulary import Functions

# What Python's grammar has no word for: then the error of mathematics is told.
MARKS = re.compile(r"[^\x00-\x7f]|[\\$^'|]|\)_|[\w)\]]\s+[\w(]|\[[^]]*[;<>]")
# What mathematics has no word for: strings, Python's operators and statements.
PYTHON = re.compile(r"\"|\b[bfru]'[^']*'(?!\s*[\w(\[])|"
                    r"(?<![\w)\]}ᵀ])'|//|:=|==|!=|<<|>>|#|\b(?:and|or|not|is|in|else|for|import|yield|await|"
                    r"def|class|del|from|with|while|assert|raise|return|global|async|exec|eval)\b")


def parse(text: str, /, *, functions: Functions | None = None, **shapes: Any) -> Any:
    """The tensor that `text` says: in Python's grammar, as mathematicians write it, or in LaTeX.

    "2 * X.T @ (X @ w - y)", "2 Xᵀ (X w - y)" and r"2 X^{\top} (X w - y)" are one; so are `np.dot(X.T, r)`, `X'`, `len(y)`
    and `X.shape[0]` understood, and "g = " in front of a formula. All that symgrad prints it reads: ⊙ ‖v‖² ∑_t σ(z) x₁,
    `[a > 0]`, entries `[δ_ij x_i]_ij`, "where v₁ = ...". Functions have symgrad's plain names. `sum_i x_i y_i` is
    ∑_i x_i y_i: a sum reaches to the next + or -. Beside a transpose X', * between matrices is refused: it may be MATLAB's
    product.

    `shapes` declares the names as data: "n d" or "n,3" (size names, whole numbers), "" for a scalar,
    "d over T" for one sample of T, "n: integer" for whole numbers, "d,d: symmetric" for a fact; an int, a tuple; or a
    tensor built before.
    A size name is one size everywhere and serves in the text too: `sum(x) / n`, `logp[arange(n), y]`.
    A declared name hides a size of that name, and `pi`. `functions` replaces the table of functions.

    Raises ParseError with the column for what has no meaning. Errors of the operations themselves (ShapeError
    and its kin) pass, with the column in front.

    >>> sg.parse("sum((X @ w - y)**2)", X="n d", w="d", y="n").shape
    ()
    >>> sg.parse("X @ v", X="n d", w="d")
    Traceback (most recent call last):
    symgrad.graphs.errors.ParseError: column 5: 'v' is not declared; declared are X, w and the sizes d, n
        X @ v
            ^
    """
    return parse_with_symbols(text, shapes, functions=functions)[0]


def parse_with_symbols(text: str, shapes: Mapping[str, Any], *,
                       functions: Functions | None = None) -> tuple[Any, dict[str, Any]]:
    """As `parse`, and the declared symbols: `(tensor, {name: symbol})`."""
    table = functions or words.public_functions()
    symbols = words.parse_shapes(shapes, functions=table)
    if not isinstance(text, str):
        raise ParseError(f"a formula is a text, not {type(text).__name__}")
    return next(readings(text, symbols, functions=table)), symbols


def readings(text: str, symbols: Mapping[str, Any], *, functions: Functions | None = None,
             wanted: Sequence[Any] | None = None) -> Iterator[Any]:
    """The tensors that a text may mean: as Python, then as mathematics; at least one, or its error is raised.

    The two differ where both read it: `max(u, 0)` is NumPy's maximum along axis 0, and max(u, 0) entry by entry. `wanted`
    is the shape that the formula is expected to have: it says how long 1 is in 1 xᵀ.
    """
    if not isinstance(text, str):
        raise ParseError(f"a formula is a text, not {type(text).__name__}")
    if len(text) > LENGTH:
        raise ParseError(f"the text has {len(text)} characters, more than {LENGTH}")
    table = functions or words.public_functions()
    given = re.sub(r"[\t\r\n]", " ", text)
    source = OneLine(unlabelled(given))
    fault: SymgradError | None = None
    try:
        yield read_python(source, symbols, table)
    except (ParseError, ShapeError) as error:
        if (not is_tex(given) and PYTHON.search(source.text)) or "nested" in str(error).split(chr(10))[0]:
            raise
        fault = error
    try:
        found = read_formula(source, symbols, words.sizes_of(symbols.values()), table, wanted)
    except (SymgradError, RecursionError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        if fault is None:
            return
        if not isinstance(fault, ParseError) or not MARKS.search(given):
            raise fault from None
        if isinstance(error, SymgradError):
            raise
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ParseError(f"the formula cannot be read: {what}") from error
    yield found
