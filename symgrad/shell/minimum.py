"""`symgrad minimize`: the parameters of a formula that fit data, as a table, and the fit as a picture.

Columns of a CSV file and arrays of an .npz file are data by their names; every other name of the formula is a number to
be found, or what --start and --wrt say it is.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import symgrad as sg
from symgrad.drawing.pictures.fits import Fit, fit_chart
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.language.symbols import symbols_of
from symgrad.minimising.squares import sum_of_squares
from symgrad.reading.guessing import guessed_shapes
from symgrad.reading.parser import parse_with_symbols
from symgrad.reading.vocabulary import parse_shapes, public_functions
from symgrad.shell import terminal
from symgrad.shell.target import from_file, is_file_name

DIGITS = 10  # of a parameter
ENTRIES = 60  # rows of the table
ASSIGNED = re.compile(r"[^\W\d]\w*=[^=]")
CURVE = 400  # points of a fitted curve


@dataclass(frozen=True)
class Task:
    """What the command was asked: of a formula, or of a model file with its loss and data."""

    formula: str
    data: Mapping[str, np.ndarray]
    start: Mapping[str, np.ndarray]
    wrt: Sequence[str] = ()
    method: str = "auto"
    budget: int | None = None
    seed: int = 0


def task(formula: str, rest: Sequence[str], data: Sequence[str], start: Sequence[str], wrt: Sequence[str], method: str,
         budget: int | None, seed: int) -> Task:
    """The arguments of the command; `rest` are what followed an option without one of its own: `--start a=1 b=2`.

    Raises SymgradError.
    """
    stray = [r for r in rest if not ASSIGNED.match(r)]
    if stray:
        raise SymgradError(f"{stray[0]!r} is no assignment NAME=NUMBER, and the formula is given; was a file meant? "
                           f"--data {stray[0]}")
    if rest and not start:
        raise SymgradError(f"{rest[0]} belongs behind --start or --data")
    arrays: dict[str, np.ndarray] = {}
    for each in data:
        arrays |= assignments([each], "--data") if ASSIGNED.match(each) else table_of(each)
    return Task(formula, arrays, assignments([*start, *rest], "--start"), wrt, method, budget, seed)


def run(asked: Task, output: str | None) -> bool:
    """Minimise, print, draw; whether the method converged."""
    loss, found, data = of_file(asked) if is_file_name(asked.formula) else minimum_of(asked)
    tell(found)
    fit = fit_of(loss, found, data)
    if output:
        if fit is None:
            raise SymgradError("there is no curve to draw: the formula is no sum of squares of y - f(x) with one input x")
        chart = fit_chart(fit)
        chart.save(output)
        terminal.say(f"Wrote {output}")
    elif fit is not None:
        terminal.say(f"-o fit.svg draws {fit.y_name} over {fit.x_name} with the curve.")
    return found.success


def of_file(asked: Task) -> tuple[sg.Tensor, sg.Minimum, Mapping[str, np.ndarray]]:
    """The minimum of a model file's loss on its data."""
    on = from_file(asked.formula, asked.wrt)
    assert on.file is not None
    data = {**on.file.get("data", {}), **asked.data}
    found = sg.minimize(on.loss, list(on.wrt), data, asked.method, dict(asked.start), budget=asked.budget, seed=asked.seed,
                        progress=True)
    return on.loss, found, data


def assignments(values: Sequence[str], what: str) -> dict[str, np.ndarray]:
    """`NAME=NUMBER` or `NAME=[1, 2]`, one in a text or several with blanks or commas between them. Raises SymgradError."""
    found: dict[str, np.ndarray] = {}
    for value in (part for each in values for part in re.split(r"[\s,]+(?=[^\W\d]\w*=)", each.strip())):
        name, sign, number = (part.strip() for part in value.partition("="))
        if not sign or not name.isidentifier():
            raise SymgradError(f"{what} {value!r} is not NAME=NUMBER, such as b1=500 or b=[1, 2]")
        if name in found:
            raise SymgradError(f"{what}: {name} is given twice")
        try:
            array = np.asarray(ast.literal_eval(number), float)
        except (ValueError, SyntaxError, TypeError):
            raise SymgradError(f"{what} {name}: {number!r} is no number, and no list of numbers such as [1, 2]") from None
        found[name] = array
    return found


def table_of(path: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, or the columns of a CSV file whose first line names them. Raises DataError."""
    place = Path(path)
    if not place.is_file():
        raise DataError(f"--data {path}: there is no such file")
    if place.suffix.lower() == ".npz":
        with np.load(place, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    text = place.read_text(encoding="utf-8-sig")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise DataError(f"--data {path}: the file is empty")
    mark = next((m for m in ("\t", ";", ",") if m in lines[0]), None)
    rows = [line.split() for line in lines] if mark is None else list(csv.reader(lines, delimiter=mark))
    header, *body = [[cell.strip() for cell in row] for row in rows]
    bad = [name for name in header if not name.isidentifier()]
    if bad:
        raise DataError(f"--data {path}: the first line must name the columns, and {bad[0]!r} is no name: letters, digits "
                        "and _, no blanks")
    twice = [name for i, name in enumerate(header) if name in header[:i]]
    if twice:
        raise DataError(f"--data {path}: two columns are called {twice[0]}; rename one")
    if not body:
        raise DataError(f"--data {path}: there is no row below the names of the columns")
    columns: dict[str, list[float]] = {name: [] for name in header}
    for number, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise DataError(f"--data {path}: row {number} has {len(row)} cells; the first line names {len(header)} columns")
        for name, cell in zip(header, row, strict=True):
            try:
                columns[name].append(float(cell))
            except ValueError:
                raise DataError(f"--data {path}: row {number}, column {name}: {cell!r} is no number") from None
    return {name: np.array(column) for name, column in columns.items()}


def minimum_of(asked: Task) -> tuple[sg.Tensor, sg.Minimum, Mapping[str, np.ndarray]]:
    """The formula as a tensor, its minimum, the data. Raises SymgradError."""
    given = {**asked.data, **asked.start}
    sizes = _letters({length for array in given.values() for length in np.shape(array)}, asked.formula, given)
    shapes = {name: ",".join(sizes[length] for length in np.shape(array)) for name, array in given.items()}
    for name in asked.wrt:
        if name in asked.data:
            raise SymgradError(f"--wrt {name}: {name} is among the data")
    fixed = {name: np.shape(array) for name, array in given.items()}
    declared: dict[str, Any] = {
        name: sg.parameter(name, shape, init=asked.start.get(name)) if name in asked.start else shapes[name]
        for name, shape in fixed.items()}
    left, sign, right = asked.formula.partition("=")
    if sign and left.strip() in asked.data and not right.startswith("="):
        raise SymgradError(f"{asked.formula!r} is an equation, and what is minimised is a number: how far it is from "
                           f"holding, sum(({left.strip()} - ({right.strip()}))**2)")
    loss = _read(asked.formula, declared, shapes)
    touching = split_words(asked.formula, {str(s.name) for s in symbols_of(loss)}, asked.data)
    if touching:
        terminal.say(f"{', '.join(touching)}: names that touch, a product with data; read as {loss}\n")
    used = {str(s.name): s for s in sorted(symbols_of(loss), key=lambda s: asked.formula.find(str(s.name)))}
    for name in (*asked.start, *asked.wrt):
        if name not in used:
            raise SymgradError(f"{name} is to be found, and the formula has no {name}; it has {', '.join(used)}")
    names = [n for n in used if n in asked.wrt or n in asked.start or not asked.wrt and n not in asked.data]
    if not names:
        raise SymgradError(f"all names of the formula are data ({', '.join(used)}): there is nothing to minimise over")
    loose = [n for n in used if n not in names and n not in asked.data]
    if loose:
        raise SymgradError(f"{', '.join(loose)}: no data of that name, and not in --wrt")
    data = {n: asked.data[n] for n in used if n not in names}
    return loss, sg.minimize(loss, [used[name] for name in names], data, asked.method, dict(asked.start),
                             budget=asked.budget, seed=asked.seed, progress=True), data


def _letters(lengths: Collection[int], formula: str, given: Collection[str]) -> dict[int, str]:
    """Names of sizes: n for the one there is, where nothing else may be called so; else with the length, n30."""
    others = [word for word in re.findall(r"[^\W\d]\w*\b(?!\s*\()", formula) if word not in given]
    alone = len(lengths) == 1 and "n" not in given and not any("n" in word for word in others)
    return {length: "n" if alone else f"n{length}" for length in lengths}


def _read(formula: str, declared: Mapping[str, Any], shapes: Mapping[str, str]) -> sg.Tensor:
    """The formula, its other names as numbers where that gives one; else with the shapes that letters and operations leave.

    Letters that elsewhere are sizes, m and n, are numbers too. Raises ParseError.
    """
    words = [word for word in re.findall(r"[^\W\d]\w*\b(?!\s*\()", formula) if word not in declared]
    apart = {word: "" for word in words if len(word) == 1 or not any(name in word for name in declared)}
    tries: list[Mapping[str, str]] = [apart]
    fault: SymgradError | None = None
    try:
        guessed = guessed_shapes(formula, shapes, scalar=True)
        tries = [dict.fromkeys(guessed, ""), apart, guessed]
    except SymgradError as error:
        fault = error
    loss: sg.Tensor | None = None
    for others in tries:
        try:
            loss = parse_with_symbols(formula, parse_shapes({**declared, **others}))[0]
        except SymgradError as error:
            fault = fault or error
            continue
        if not loss.ndim:
            return loss
    if loss is None:
        assert fault is not None
        raise fault
    return loss


def split_words(formula: str, names: Collection[str], data: Collection[str]) -> list[str]:
    """Words of a formula that are none of its names and were read as names that touch, one of them data.

    >>> split_words("sum((y - mt - rate*t - exp(-t))^2)", {"y", "m", "t", "rate"}, {"y", "t"})
    ['mt']
    """
    words = dict.fromkeys(re.findall(r"(?<![\w.\\])[^\W\d]\w*\b(?!\s*[(.])", formula))
    known = {*names, *public_functions()}
    return [word for word in words if word not in known and any(name in word for name in data)]


def tell(found: sg.Minimum) -> None:
    """The parameters as a table, why this method, how it ended."""
    errors = found.standard_errors or {}
    rows = [(label, f"{value:.{DIGITS}g}", "" if error is None else f"{error:.4g}")
            for name, array in found.x.items() for label, value, error in _entries(name, array, errors.get(name))]
    terminal.table(("parameter", "value", "standard error"), rows[:ENTRIES], ("value", "standard error"))
    if len(rows) > ENTRIES:
        terminal.say(f"... and {len(rows) - ENTRIES} more")
    terminal.say(f"\nloss {found.fun:.{DIGITS}g} after {found.evaluations} evaluations: {found.message}")
    terminal.say(f"{found.method}: {found.reason}")
    if found.certificate is not None:
        terminal.say(f"The minimum is global, the loss is {found.certificate}")


def _entries(name: str, value: np.ndarray, error: np.ndarray | None) -> list[tuple[str, float, float | None]]:
    value = np.asarray(value)
    spread = None if error is None else np.asarray(error)
    return [(name + "".join(f"[{i}]" for i in at), float(value[at]), None if spread is None else float(spread[at]))
            for at in np.ndindex(value.shape)]


# the picture ------------------------------------------------------------------------------------------------


def fit_of(loss: sg.Tensor, found: sg.Minimum, data: Mapping[str, np.ndarray]) -> Fit | None:
    """The curve that was fitted, where the loss is a sum of squares c (y - f(x)) with one input x; else None."""
    by_name = {str(s.name): s for s in symbols_of(loss)}
    variables = [by_name[name] for name in found.x]
    vectors = [name for name in by_name if name in data and name not in found.x]
    squares = sum_of_squares(loss, variables)
    if squares is None or len(squares.residuals) != 1 or len(vectors) != 2:
        return None
    residual = squares.residuals[0]
    same = {np.shape(data[name]) for name in vectors}
    if len(same) != 1 or residual.ndim != 1 or len(next(iter(same))) != 1 or any(a.shape in same for a in found.x.values()):
        return None
    inputs = [by_name[name] for name in (*vectors, *found.x)]
    f = sg.function(inputs, residual)
    at = list(found.x.values())
    for i, y_name in enumerate(vectors):
        x_name = vectors[1 - i]
        x, y = np.asarray(data[x_name], float), np.asarray(data[y_name], float)

        def value(x: np.ndarray, y: np.ndarray, i: int = i, at: Sequence[np.ndarray] = at) -> np.ndarray:
            return np.asarray(f(*((y, x) if i == 0 else (x, y)), *at))

        away = [1.3 * a + 0.1 for a in at]  # y is what no parameter stands before
        changes = [(value(x, t * y, at=p) - value(x, 0 * y, at=p)) / t for p in (at, away) for t in (1, 2)]
        scale = changes[0][y != 0] / y[y != 0]
        if not len(scale) or not np.allclose(scale, scale[0]) or not all(np.allclose(c, changes[0]) for c in changes):
            continue
        grid = np.linspace(x.min(), x.max(), CURVE)
        level = value(grid, np.zeros(CURVE))
        return Fit(x_name, y_name, (x, y), (grid, -level / (value(grid, np.ones(CURVE)) - level)))
    return None
