"""What the page is asked: a formula, the shapes of its names, what to differentiate by, perhaps an answer of one's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlencode

from symgrad.graphs.errors import SymgradError
from symgrad.reading.grammar import LENGTH

LONGEST: Mapping[str, int] = {"text": LENGTH, "shapes": 2_000, "wrt": 1_000, "claim": LENGTH, "of": 20}
DERIVATIVES = ("gradient", "jacobian", "hessian")


class TooLong(SymgradError):
    """A part of a question that has too many characters."""


@dataclass(frozen=True)
class Question:
    """A question, as it was typed. `claim` is somebody's own formula for the derivative that `of` names.

    >>> Question("x @ x", wrt="x").address
    '?text=x+%40+x&wrt=x'
    """

    text: str = ""
    shapes: str = ""
    wrt: str = ""
    claim: str = ""
    of: str = ""

    @property
    def address(self) -> str:
        """The question as the end of a link; what is empty is left out."""
        given = {name: value for name, value in asdict(self).items() if value}
        return "?" + urlencode(given)

    @property
    def names(self) -> tuple[str, ...]:
        """The names to differentiate by."""
        return tuple(dict.fromkeys(name.strip() for name in self.wrt.replace(";", ",").replace(" ", ",").split(",")
                                   if name.strip()))


def question_of(given: Iterable[tuple[str, str]]) -> Question:
    """A question from the fields of a form; unknown ones are left aside. Raises TooLong.

    Beside the fields of a question, `shape-X` is the shape of X, `guess-X` what it was guessed to be, so that a guess
    that nobody changed stays one; `by` is a name to differentiate by, once for each.

    >>> question_of([("text", "A x"), ("shape-A", "n,d"), ("guess-A", "n,d"), ("shape-x", "d"), ("by", "x")])
    Question(text='A x', shapes='x=d', wrt='x', claim='', of='')
    """
    fields = list(given)
    found = {name: value.strip() for name, value in reversed(fields) if name in LONGEST}
    typed = [(name, value.strip()) for name, value in fields]
    guesses = {name.removeprefix("guess-"): value for name, value in typed if name.startswith("guess-")}
    shapes = [(name.removeprefix("shape-"), value) for name, value in typed if name.startswith("shape-")]
    changed = "; ".join(f"{name}={value}" for name, value in shapes if guesses.get(name) != value)
    found["shapes"] = "; ".join(filter(None, (found.get("shapes", ""), changed)))
    by = ",".join(value for name, value in typed if name == "by" and value)
    found["wrt"] = found.get("wrt") or by
    for name, longest in LONGEST.items():
        if len(found.get(name, "")) > longest:
            raise TooLong(f"{name} has {len(found[name]):,} characters, more than {longest:,}")
    if found.get("of") not in DERIVATIVES:
        found["of"] = ""
    return Question(**found)
