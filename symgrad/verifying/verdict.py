"""What is said about a claimed formula: the verdict, its diagnoses, a counterexample, one sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symgrad.formulas.names import shape_text
from symgrad.graphs.sizes import Shape
from symgrad.language.printing import short
from symgrad.language.tensor import Tensor
from symgrad.verifying.ratios import Ratio

LONG = 80  # characters of a term in a sentence
DIGITS = 4
DENOMINATOR, LARGEST, EXACT = 64, 1000, 1e-12  # a number that is a fraction of small whole numbers is shown so


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """One thing that is wrong: `kind` names the field of the verdict it belongs to, or is "other".

    `term` is the term (a tensor) and `factor` the factor, where it has one; `sentence` says it without a subject.
    """

    kind: str
    sentence: str
    term: Tensor | None = None
    factor: Ratio | None = None


@dataclass(frozen=True, eq=False)
class Counterexample:
    """Values at which the two formulas differ: arrays by symbol name, and what both sides are there.

    `claimed` is None where the claim cannot be computed. `sizes` are the numbers for the size symbols.
    """

    values: Mapping[str, np.ndarray]
    claimed: np.ndarray | None
    right: np.ndarray
    sizes: Mapping[str, int]

    def rows(self) -> list[tuple[str, str]]:
        """(name, value) of the values, then of both results."""
        found = [(name, array_text(value)) for name, value in self.values.items()]
        if not found:
            found = [(name, str(value)) for name, value in self.sizes.items()]
        claimed = "cannot be computed" if self.claimed is None else array_text(self.claimed)
        return [*found, ("claimed", claimed), ("right", array_text(self.right))]

    def __str__(self) -> str:
        return "\n".join(f"{name} = {value}" for name, value in self.rows())


@dataclass(frozen=True, eq=False)
class Verdict:
    """The answer of `sg.verify`: true if the claim equals the right formula; `str` is one sentence.

    Where it does not, every diagnosis that fits, the others None:

    | field           | what it says                                                                  |
    |-----------------|-------------------------------------------------------------------------------|
    | `factor`        | claim = factor * right; a Fraction or float, or SymPy where it has sizes in it |
    | `transposed`    | True: the claim, or a matrix in it, is transposed                             |
    | `missing`       | the term (or, says the sentence, the factor) that the claim lacks             |
    | `surplus`       | the term (or factor) that the claim has too much                              |
    | `sign`          | the term of the right formula that has the opposite sign in the claim         |
    | `shape`         | (shape of the claim, of the right formula); the first is None where it has none |

    `diagnoses` has them in words, with those that have no field; `counterexample` always has values.

    >>> w = sg.parameter("w", 3)
    >>> verdict = sg.verify("w", sg.gradient(w @ w, w))
    >>> bool(verdict), verdict.factor
    (False, Fraction(1, 2))
    >>> print(verdict)
    Not equal: the claim is 1/2 times the right formula; multiply it by 2.
    """

    equal: bool
    sentence: str
    diagnoses: tuple[Diagnosis, ...] = ()
    shape: tuple[Shape | None, Shape] | None = None
    counterexample: Counterexample | None = None

    def __bool__(self) -> bool:
        return self.equal

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"<Verdict: {self.sentence}>"

    def _repr_html_(self) -> str:
        from symgrad.codegen.plan.tables import Table
        from symgrad.notebook import rows_html

        found = self.counterexample
        tables = [] if found is None else [Table(("counterexample", "value"), found.rows(), code=("value",))]
        return rows_html(self.sentence, self.equal, tables)

    @property
    def factor(self) -> Ratio | None:
        """claim = factor * right."""
        return next((d.factor for d in self.diagnoses if d.kind == "factor"), None)

    @property
    def transposed(self) -> bool | None:
        """True where a transpose is all, or up to a factor all, that is wrong."""
        return True if any(d.kind == "transposed" for d in self.diagnoses) else None

    @property
    def missing(self) -> Tensor | None:
        """claim = right - missing; or a missing factor, as the sentence says."""
        return self._term("missing")

    @property
    def surplus(self) -> Tensor | None:
        """claim = right + surplus; or a factor that is too much."""
        return self._term("surplus")

    @property
    def sign(self) -> Tensor | None:
        """claim = right - 2 sign."""
        return self._term("sign")

    def _term(self, kind: str) -> Tensor | None:
        return next((d.term for d in self.diagnoses if d.kind == kind and d.term is not None), None)


def unequal(diagnoses: list[Diagnosis], example: Counterexample, shape: tuple[Shape | None, Shape] | None = None,
            ) -> Verdict:
    """The verdict on a wrong claim."""
    said = list(dict.fromkeys(d.sentence for d in diagnoses if d.sentence))
    if not said:
        said = [f"no single term, sign, factor or transpose explains the difference; {_entry(example)}"]
    return Verdict(False, f"Not equal: {'; '.join(said)}.", tuple(diagnoses), shape, example)


def _entry(example: Counterexample) -> str:
    """One entry that differs, in words."""
    claimed, right = example.claimed, example.right
    assert claimed is not None
    with np.errstate(all="ignore"):
        gap = np.where(claimed == right, 0.0, np.abs(claimed - right))
    at = np.unravel_index(int(np.argmax(np.where(np.isfinite(gap), gap, np.inf))), right.shape)
    where = f"entry {shape_text(tuple(map(int, at)))} is" if right.ndim else "the claim gives"
    return f"for example, {where} {_number(claimed[at])} where the right formula gives {_number(right[at])}"


def _number(value: Any) -> str:
    """Four digits, or the fraction that a number is: 2/3, not 0.6667."""
    value = float(value)
    plain = f"{value:.{DIGITS}g}"
    if not math.isfinite(value) or abs(value) > LARGEST or float(plain) == value:
        return plain
    near = Fraction(value).limit_denominator(DENOMINATOR)
    return str(near) if near and abs(float(near) - value) <= EXACT * abs(value) else plain


def array_text(value: np.ndarray) -> str:
    """An array on one line, with four digits."""
    value = np.asarray(value)
    text = np.array2string(value, formatter={"float_kind": _number}, separator=", ", threshold=60, edgeitems=3,
                           max_line_width=10**6)
    return " ".join(text.split())


def term_text(term: Tensor) -> str:
    """A term in a sentence: whole where it is short."""
    whole = str(term)
    return whole if len(whole) <= LONG else short(term)


def factor_text(factor: Ratio) -> str:
    """A factor as people write it."""
    if isinstance(factor, float):
        return f"{factor:.6g}"
    return str(factor).replace("**", "^")


def factor_sentence(factor: Ratio, what: str = "the right formula") -> str:
    """The claim is so many times `what`, and what to do."""
    if factor == 0:
        return f"the claim is zero and {what} is not"
    if factor == -1:
        return f"the claim is -1 times {what}: its sign is wrong"
    text = factor_text(factor)
    if isinstance(factor, float):
        return f"the claim is {text} times {what}"
    inverse = 1 / factor if isinstance(factor, Fraction) else sp.Integer(1) / factor
    return f"the claim is {text} times {what}; multiply it by {factor_text(inverse)}"


def shape_sentence(claim: Tensor, right: Tensor) -> str:
    """How two shapes or sample axes differ."""
    if claim.over is not None and right.over is None:
        return (f"the claim is one formula for each sample of {claim.over}, the right formula is one for all; "
                f"close the claim with sum or mean over {claim.over}")
    if right.over is not None and claim.over is None:
        return f"the right formula is one for each sample of {right.over}, the claim is one for all"
    if claim.over != right.over:
        return f"the claim is over the samples of {claim.over}, the right formula over those of {right.over}"
    return f"the claim {_shaped(claim.shape)}, the right formula {_shaped(right.shape)}"


def _shaped(shape: Shape) -> str:
    return f"has shape {shape_text(shape)}" if shape else "is a scalar"
