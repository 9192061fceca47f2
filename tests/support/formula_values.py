"""What a printed recurrence is in numbers: its presentation trees evaluated line by line, as a reader would.

Nothing of the graph is used: a letter at a step has the line that says what it is, an explicit step before the general one.
Vectors are columns; over a batch, one sample a row.
"""

from __future__ import annotations

import numpy as np

from symgrad.formulas.spelling.tree import walk


class Reader:
    """Values of formulas by the lines behind them, and by `symbols`, arrays by their names."""

    def __init__(self, rows, symbols, samples=None):
        self.rows, self.symbols, self.samples = [row for row in rows if row[1].head != "tuple"], symbols, samples
        self.steps = {left: int(right.args[2].args[0]) for left, right in rows if right.head == "tuple"}
        self.memo = {}

    def value(self, tree, at=None):
        """A tree at a step."""
        return getattr(self, tree.head)(at, *tree.args)

    def place(self, tree, at):
        """An index as a whole number."""
        if at is not None and tree == at[0]:
            return at[1]
        if tree.head == "num":
            return int(tree.args[0])
        return sum(sign * self.place(part, at) for sign, part in tree.args)

    def name(self, at, base, subs, _symmetric):
        told = next((right for left, right in self.rows if left.args[:2] == (base, ())), None)
        if not subs:
            return column(self.symbols[base]) if told is None else self.value(told)
        places = tuple(self.place(each, at) for each in subs)
        if told is not None or all(left.args[0] != base for left, _ in self.rows):  # a row of what is there for all steps
            whole = self.symbols[base] if told is None else self.value(told)
            return column(whole[places[0] - 1] if whole.ndim < 3 else whole[:, places[0] - 1])
        if (base, places) not in self.memo:
            self.memo[base, places] = None  # a line that reads itself at the same step is no definition
            self.memo[base, places] = self.defined(base, places)
        found = self.memo[base, places]
        assert found is not None, f"{base} at {places} is defined by itself"
        return found

    def defined(self, base, places):
        for left, right in self.rows:
            if left.args[0] == base and all(each.head == "num" for each in left.args[1]) and tuple(
                    self.place(each, None) for each in left.args[1]) == places:
                return self.value(right)
        for left, right in self.rows:
            for step in {part for each in left.args[1] for part in walk(each)} & set(self.steps) if left.args[0] == base else ():
                at = places[0] - self.place(left.args[1][0], (step, 0))
                if 1 <= at <= self.steps[step]:
                    return self.value(right, (step, at))
        raise AssertionError(f"no line says what {base} is at {places}")

    def num(self, _at, text):
        return float(text)

    def ones(self, _at):
        return np.ones((self.samples or next(iter(self.steps.values())), 1))

    def sum(self, at, *terms):
        return sum(sign * self.value(part, at) for sign, part in terms)

    def product(self, at, front, factors):
        found = 1.0
        for part in front:
            found = found * self.value(part, at)
        if not factors:
            return found
        whole = self.value(factors[0], at)
        for part in factors[1:]:
            whole = times(whole, self.value(part, at))
        return found * (whole if np.size(whole) > 1 or np.ndim(whole) < 2 else whole)

    def hadamard(self, at, *factors):
        found = 1.0
        for part in factors:
            found = found * self.value(part, at)
        return found

    def fraction(self, at, above, below):
        return self.value(above, at) / self.value(below, at)

    def transpose(self, at, inner):
        return np.transpose(self.value(inner, at))

    def power(self, at, base, exponent, _entrywise):
        return self.value(base, at) ** self.value(exponent, at)

    def call(self, at, function, args, _subs):
        (inner,) = (self.value(arg, at) for arg in args)
        return {"tanh": np.tanh, "σ": lambda a: 1 / (1 + np.exp(-a)), "exp": np.exp, "sin": np.sin, "cos": np.cos,
                "sum": np.sum}[function](inner)

    def matrix(self, at, *rows):
        return np.block([[self.value(part, at) for part in row] for row in rows])

    def item(self, at, base, parts):
        whole = self.symbols[base.args[0]] if base.head == "name" and not base.args[1] else self.value(base, at)
        places = tuple(self.part(part, at) for part in parts)
        if any(isinstance(each, int) for each in places):  # X[:, t]: step 1 is entry 0
            places = tuple(each - 1 if isinstance(each, int) else each for each in places)
        return whole[places]

    def part(self, tree, at):
        if tree.head == "colon":
            return slice(None)
        if tree.head == "range":
            low, high, by = (None if each is None else int(each.args[0]) for each in tree.args)
            return slice(low, high, by)
        return self.place(tree, at)

    def big(self, _at, symbol, letters, body):
        (step,) = letters
        assert symbol == "sum"
        return sum(self.value(body, (step, at)) for at in range(1, self.steps[step] + 1))

    def entries(self, _at, body, letters):
        (step,) = letters
        return np.stack([self.value(body, (step, at)).ravel() for at in range(1, self.steps[step] + 1)])


def times(a, b):
    """A product of matrices; a number stands for what has it at every entry."""
    if np.ndim(a) and np.ndim(b):
        return a @ b
    if np.ndim(a) and np.ndim(b) == 0:
        return a @ np.full((a.shape[1], 1), b) if b else 0.0
    return a * b if a else 0.0


def column(array):
    """A vector as a column."""
    return array[:, None] if np.ndim(array) == 1 else array
