"""`sg.search`: the best of many choices, by trying: hyperparameters, architectures, whatever a function can score."""

from __future__ import annotations

import inspect
import sys
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from symgrad.descent.iterate import Ending
from symgrad.graphs.errors import SymgradError
from symgrad.searching.choices import Choices, read
from symgrad.searching.methods import WALKS
from symgrad.searching.scores import Scores, SearchResult
from symgrad.searching.space import Trials

SMALL = 5  # generations at least that a population is chosen for


def search(score: Callable[..., Any], space: Mapping[str, Any], method: str = "random", trials: int = 50,
           jobs: int | None = 1, seed: int = 0, progress: bool = False, population: int | None = None) -> SearchResult:
    """The choice with the smallest `score(**choice)`, of at most `trials` that are tried.

    `space` maps each name to a list of what it may be, or to a range: `("uniform", low, high)`, `("log", low, high)` (even
    in the logarithm) or `("int", low, high)`, both ends included. Methods: "random", "grid" (all of a list, as many values
    of a range as `trials` allow), "genetic", "ant_colony", and where all are numbers "particle_swarm" and "cma";
    `population` is the size of a generation. No choice is tried twice. `jobs` processes score the choices of a generation
    (`joblib`; -1 for all processors; within `joblib.parallel_config` the workers of its backend, by Dask or Ray on other
    machines, and with None as many as it says); one seed gives one result, whatever their number is.

    `.best` is the choice, `.score` its score, `.table` a list of all trials as dicts, which prints as a table. A score of
    NaN counts as worst, with a warning. An interrupt (Ctrl-C) ends the search with what it has. Raises SymgradError for a
    space, method or score that does not fit; an error of `score` passes through with a note of the choice.

    >>> found = search(lambda depth, rate: (depth - 3) ** 2 + rate, {"depth": [1, 2, 3, 4], "rate": [0.5, 0.1]}, "grid")
    >>> found.best, found.score, len(found.table)
    ({'depth': 3, 'rate': 0.1}, 0.1, 8)
    """
    choices = read(space)
    _check(score, choices, method, trials, jobs, seed, population)
    sheet = _Sheet(score, choices, jobs, trials if progress else 0)
    tried = Trials(sheet, choices.space, trials, once=True)
    settings = {"population": population or max(4, min(40, trials // SMALL))} if WALKS[method].sized else {}
    course = WALKS[method].run(tried, np.random.default_rng(seed), **settings)
    try:
        ending = _ended(course)
    except KeyboardInterrupt:
        if not sheet.rows:
            raise
        ending = Ending(False, f"interrupted after {len(sheet.rows)} of {trials} trials")
    finally:
        sheet.close()
    return _found(sheet.rows, choices, method, ending.message.replace("evaluations", "trials"))


def _ended(course: Iterator[Any]) -> Ending:
    while True:
        try:
            next(course)
        except StopIteration as end:
            ending: Ending = end.value
            return ending


def _found(rows: Scores, choices: Choices, method: str, message: str) -> SearchResult:
    nans = sum(row["score"] != row["score"] for row in rows)
    if nans:
        said = f"{nans} of {len(rows)} scores are NaN, which count as worst"
        warnings.warn(f"search: {said}", stacklevel=3)
        message = f"{message}; {said}"
    best = rows.sorted()[0]
    return SearchResult({name: best[name] for name in choices.kinds}, best["score"], rows, method, message)


class _Sheet:
    """Scores of points, by `jobs` processes; every row is kept as soon as it is there."""

    def __init__(self, score: Callable[..., Any], choices: Choices, jobs: int | None, shown: int) -> None:
        self.score, self.choices, self.jobs, self.shown = score, choices, jobs, shown
        self.rows = Scores()

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """The scores of points, in their order."""
        asked = [self.choices.at(point) for point in points]
        first = len(self.rows)
        for choice, value in zip(asked, self._values(asked), strict=True):
            self.rows.append({**choice, "score": value})
            self._tell()
        return np.array([row["score"] for row in self.rows[first:]])

    def _values(self, asked: list[dict[str, Any]]) -> Iterable[float]:
        if self.jobs == 1:
            return (scored(self.score, choice) for choice in asked)
        from joblib import Parallel, delayed
        from joblib.parallel import get_active_backend

        streams = getattr(get_active_backend()[0], "supports_return_generator", False)  # else scores come together
        outcomes = Parallel(n_jobs=self.jobs, return_as="generator" if streams else "list")(
            delayed(_outcome)(self.score, choice) for choice in asked)
        return _in_order(outcomes if streams else (each for each in outcomes))

    def _tell(self) -> None:
        if self.shown:
            best = self.rows.sorted()[0]["score"]
            print(f"\rsearch: trial {len(self.rows)} of {self.shown}, best {best:.6g}", end="", file=sys.stderr, flush=True)

    def close(self) -> None:
        """End the line of progress."""
        if self.shown and self.rows:
            print(file=sys.stderr)


def scored(score: Callable[..., Any], choice: Mapping[str, Any]) -> float:
    """The score of a choice as a float. An error passes through with a note; SymgradError for what is no number."""
    said = f"score({', '.join(f'{name}={value!r}' for name, value in choice.items())})"
    try:
        value = score(**choice)
    except Exception as error:
        error.add_note(f"search: raised by {said}")
        raise
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        array = np.asarray(value)
        if array.shape == () and array.dtype.kind in "fiub":
            return float(array)
        return float(value)
    except (TypeError, ValueError):
        raise SymgradError(f"search: {said} gave {value!r:.60}, which is no number") from None


def _outcome(score: Callable[..., Any], choice: Mapping[str, Any]) -> float | Exception:
    """The score of a choice, or its error with what another process shows of it: the first in order is what is told."""
    try:
        return scored(score, choice)
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        return error


def _in_order(outcomes: Generator[float | Exception, None, None]) -> Iterator[float]:
    """Scores as they come; the first error is raised, and what is still computed is given up in silence."""
    try:
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # joblib says how many tasks are given up
            outcomes.close()


def _check(score: Any, choices: Choices, method: Any, trials: Any, jobs: Any, seed: Any, population: Any) -> None:
    if method not in WALKS:
        raise SymgradError(f"search: there is no method {method!r}; there are {', '.join(WALKS)}")
    for what, value, least in (("trials", trials, 1), ("seed", seed, 0), ("population", population, 1)):
        if value is None and what == "population":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
            raise SymgradError(f"search: {what} must be a whole number of at least {least}, not {value!r}")
    if population is not None and not WALKS[method].sized:
        able = ", ".join(name for name, walk in WALKS.items() if walk.sized)
        raise SymgradError(f"search: {method} takes no population; {able} would")
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, (int, np.integer)) or jobs == 0):
        raise SymgradError("search: jobs is a number of processes, -1 for one on each processor, or None for as many as "
                           f"joblib.parallel_config says, not {jobs!r}")
    if "score" in choices.kinds:
        raise SymgradError("search: the name 'score' is that of the column of scores; give that choice another one")
    if choices.lists and not WALKS[method].lists:
        able = ", ".join(name for name, walk in WALKS.items() if walk.lists)
        raise SymgradError(f"search: {method} moves through numbers, and {', '.join(choices.lists)} may be one of a list "
                           f"without an order; {able} can choose, or give a range: ('int', low, high)")
    if not callable(score):
        raise SymgradError(f"search: score is a function of the choices, not {type(score).__name__}")
    try:
        inspect.signature(score).bind(**dict.fromkeys(choices.kinds))
    except TypeError as error:
        raise SymgradError(f"search: the score cannot be called with {', '.join(choices.kinds)}: {error}") from None
    except ValueError:
        return  # a built-in function without a signature
