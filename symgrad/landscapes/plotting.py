"""`sg.plot`: the same curve of several histories in one picture, on a logarithmic axis."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from symgrad.drawing.pictures.charts import Chart, checked_chart
from symgrad.drawing.pictures.tracks import Track, tracks_svg
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.landscapes.given import Finished, Walked, is_named

COUNTED = ("epoch", "iteration")  # curves that say where the others are measured
PLOTTED = ("auto", "linear", "log")


def plot(histories: Any, curve: str = "loss", above: Any = None, path: str | os.PathLike[str] | None = None,
         scale: str = "auto", title: str = "", counts: str = "linear", along: str | None = None) -> Chart:
    """Draw one curve of several histories in one picture: a list of them, or a dict by name; one alone will do.

    A history is what `fit` or `sg.minimize` leaves behind, the result of `sg.minimize`, or a list of numbers. Points that a
    method tried and rejected are left out. `curve` is the name of the curve; `above="best"` shows how far the values lie
    above the lowest of all, `above=number` above that number. The axis is logarithmic unless a value is negative;
    `scale="linear"` or `"log"` decides otherwise. On a logarithmic axis zeros stand on the ground, with a sign of their
    own, and what is negative is left out. `counts="log"` stretches the first iterations: methods that take ten and ten
    thousand are seen side by side. `along` names a curve of the histories by which the other is drawn, in place of epochs
    or iterations. `path` (.svg, .png) writes the picture.

    Raises SymgradError where there is no history or no value, where one has no such curve, or for another suffix.

    >>> import symgrad as sg
    >>> sg.plot({"SGD": sg.History({"epoch": [1, 2], "loss": [0.5, 0.25]}), "Newton": [0.5, 0.1, 1e-9]})
    <Chart: loss of SGD from 0.5 to 0.25, Newton from 0.5 to 1e-09>
    """
    place = None if path is None else checked_chart(path)
    if scale not in PLOTTED:
        raise SymgradError(f"plot: scale is {scale!r}; one of {', '.join(PLOTTED)} would do")
    if counts not in PLOTTED[1:]:
        raise SymgradError(f"plot: counts is {counts!r}; linear or log would do")
    named = _named(histories)
    if not named:
        raise SymgradError("plot: there is no history; give a list of them, or a dict from names to histories")
    tracks = [_track(name, each, curve, along) for name, each in named]
    counted = dict.fromkeys(word for word, _ in tracks)
    values = np.concatenate([np.asarray(t.values, float) for _, t in tracks])
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise DataError(f"plot: the curve {curve!r} has no finite value")
    base = _base(above, finite)
    shown = [Track(t.name, t.counts, [v - base for v in t.values]) for _, t in tracks]
    logarithmic = _is_logarithmic(scale, finite - base, above is not None, curve)
    words = f"{curve} of " + ", ".join(
        f"{t.name or 'the history'} from {t.values[0]:.4g} to {t.values[-1]:.4g}" for _, t in tracks)
    head = title or curve.replace("_", " ") + (f" above {base:.6g}" if above is not None and base else "")
    arguments = (shown, head, " or ".join(counted), (counts == "log", logarithmic), words)
    picture = Chart(tracks_svg(*arguments), words, partial(tracks_svg, *arguments, plain=True))
    if place is not None:
        picture.save(place)
    return picture


def _named(histories: Any) -> list[tuple[str, Any]]:
    if isinstance(histories, Mapping) or is_named(histories):
        histories = dict(histories)
        return [(str(name), each) for name, each in histories.items()]
    if isinstance(histories, (list, tuple)) and not (histories and np.isscalar(histories[0])):
        return [(each.method if isinstance(each, Finished) else str(i), each) for i, each in enumerate(histories, 1)]
    return [("", histories)]


def _track(name: str, given: Any, curve: str, along: str | None) -> tuple[str, Track]:
    """The curve of a history, without rejected points, and what it is counted by."""
    which = f"the history {name!r}" if name else "the history"
    history = given.history if isinstance(given, Finished) else given
    if not isinstance(history, Walked):
        if along is not None:
            raise SymgradError(f"plot: {which} is a list of numbers and has no curve {along!r} to draw them by")
        values = _numbers(which, history)
        return "iteration", Track(name, range(len(values)), values)
    curves = history.curves
    for asked in (curve, *([along] if along is not None else [])):
        if asked not in curves:
            raise SymgradError(f"plot: {which} has no curve {asked!r}, only {', '.join(curves) or 'none'}")
    values = _numbers(which, curves[curve])
    word = along or next((w for w in COUNTED if w in curves), "iteration")
    counts: Sequence[float] = curves[word] if word in curves else range(len(values))
    accepted = curves.get("accepted")
    if accepted is not None and len(accepted) == len(values) and curve != "accepted":
        counts = [c for c, kept in zip(counts, accepted, strict=False) if kept]
        values = [v for v, kept in zip(values, accepted, strict=True) if kept]
    return word, Track(name, counts, values)


def _numbers(which: str, values: Any) -> list[float]:
    try:
        array = np.asarray(values, float)
    except (TypeError, ValueError):
        array = np.zeros((0, 0))
    if array.ndim != 1:
        raise DataError(f"plot: {which} is neither a History, nor what sg.minimize gives, nor a list of numbers")
    if not len(array):
        raise SymgradError(f"plot: {which} has no value yet")
    return [float(v) for v in array]


def _base(above: Any, values: np.ndarray) -> float:
    if above is None:
        return 0.0
    if isinstance(above, str) and above == "best":
        return float(values.min())
    if isinstance(above, (int, float, np.number)) and not isinstance(above, bool) and math.isfinite(above):
        return float(above)
    raise SymgradError(f"plot: above is None, 'best' or a number, not {above!r:.40}")


def _is_logarithmic(scale: str, values: np.ndarray, above: bool, curve: str) -> bool:
    if scale == "log" and not (values > 0).any():
        raise SymgradError(f"plot: no value of {curve!r} is positive, so no axis is logarithmic; above='best' shows how "
                           "far they lie above the lowest")
    return scale == "log" or scale == "auto" and bool((above or (values >= 0).all()) and (values > 0).any())
