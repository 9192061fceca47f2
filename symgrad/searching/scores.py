"""What `sg.search` gives back: the best choice, its score, and the table of all trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from symgrad.codegen.plan.tables import Table, Tabled


class Scores(list[dict[str, Any]]):
    """All trials in their order: a list of dicts, each a choice with its "score". Printed as a table."""

    def column(self, name: str) -> list[Any]:
        """The values of one name, or all scores: `table.column("score")`."""
        return [row[name] for row in self]

    def sorted(self) -> Scores:
        """The same, best first; NaN last."""
        return Scores(sorted(self, key=lambda row: (row["score"] != row["score"], row["score"])))

    @property
    def table(self) -> Table:
        """The rows as texts; the best has a mark."""
        names = [*self[0]] if self else ["score"]
        best = min(range(len(self)), key=lambda i: (self[i]["score"] != self[i]["score"], self[i]["score"]), default=None)
        rows = [[str(i + 1), *(_text(row[name]) for name in names), "*" if i == best else ""] for i, row in enumerate(self)]
        return Table(("#", *names, ""), rows, right=("#", *names))

    def __str__(self) -> str:
        return str(self.table)

    def _repr_html_(self) -> str:
        return self.table.html()

    def __rich__(self) -> Table:
        return self.table


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    name = value.__name__ if isinstance(value, (type, FunctionType)) else str(value)
    return name if len(name) <= 40 else name[:37] + "..."


@dataclass(frozen=True, repr=False)
class SearchResult(Tabled):
    """The best choice and its score; `table` has every trial, `message` says how the search ended."""

    best: dict[str, Any]
    score: float
    table: Scores = field(repr=False)
    method: str
    message: str

    def __str__(self) -> str:
        best = ", ".join(f"{name} = {_text(value)}" for name, value in self.best.items())
        return f"score {self.score:.10g} at {best}\n{self.method}: {self.message}"

    def _repr_html_(self) -> str:
        return self.table.table.html()
