"""What is shown of a formula, as data: a frozen `Reply` and its parts. Nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symgrad.page.faults import Fault
from symgrad.page.question import Question


@dataclass(frozen=True)
class CopiedFormula:
    """A formula in the spellings in which it is read and copied."""

    unicode: str
    latex: str


@dataclass(frozen=True)
class NameRow:
    """A name of the formula: its shape as people read it and as they type it, and whether it was guessed."""

    name: str
    latex: str
    shape: str
    typed: str
    guessed: bool
    chosen: bool  # to differentiate by
    real: bool


@dataclass(frozen=True)
class Understood:
    """How the text was read."""

    formula: CopiedFormula
    shape: str
    names: tuple[NameRow, ...]

    @property
    def number(self) -> bool:
        """Is the value a number?"""
        return not self.shape


@dataclass(frozen=True)
class DerivedRow:
    """A derivative: its left side in LaTeX, the formula, its shape, and what kind of matrix it is."""

    label: str
    formula: CopiedFormula
    shape: str
    kind: str = ""
    structured: str = ""  # the formula of the structure in LaTeX, where it says more


@dataclass(frozen=True)
class Judgement:
    """What is said of somebody's own answer; rows are the counterexample."""

    equal: bool
    sentence: str
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Listings:
    """The derivatives as functions of arrays."""

    numpy: str
    c: str
    why_not_c: str = ""


@dataclass(frozen=True)
class Curvature:
    """Is the function convex, and why."""

    verdict: str
    reasons: tuple[str, ...]
    rows: tuple[tuple[str, str], ...] = ()  # of the witness that it is not: values, direction, curvature


@dataclass(frozen=True)
class Reply:
    """Everything that is shown of a question. What is None is in `missing` with the reason, or was not asked."""

    question: Question
    fault: Fault | None = None
    reading: Understood | None = None
    derivatives: tuple[DerivedRow, ...] = ()
    judgement: Judgement | None = None
    hessians: tuple[DerivedRow, ...] = ()
    derivation: str | None = None  # HTML
    steps: int = 0
    words: tuple[str, ...] = ()  # the derivative in sentences
    explanation: str | None = None  # HTML: the same step by step
    programs: Listings | None = None
    picture: str | None = None  # SVG
    minimum: tuple[DerivedRow, ...] = ()
    extremum: str = ""  # what it is: "minimum", "maximum", or where that is not known "stationary point"
    curvature: Curvature | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
