"""What a user hands to `fit`: a dict from symbol names to arrays, checked once, cut into parts and batches.

Shapes, kinds, labels and declared facts are checked by `computing/feeding.py`, as in any call. What only training asks
for is here: which names, finite numbers, at least one sample, parts of the samples.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.devices import HOST, host
from symgrad.computing.feeding import Feed
from symgrad.graphs.errors import DataError
from symgrad.graphs.node import Node

Sizes = dict[sp.Symbol, int]
PIECE = 1 << 22  # entries that are looked at together


@dataclass(frozen=True)
class Dataset:
    """Checked arrays by name; those in `sampled` have one row for each of the `count` samples.

    `divisible` is false where the samples cannot be divided: there are none, two kinds, or a fixed number.
    """

    arrays: dict[str, np.ndarray]
    sampled: frozenset[str]
    count: int
    sizes: Sizes
    divisible: bool
    put: Callable[[Any], Any] = HOST.put  # takes numbers of samples to where the arrays are

    def moved(self, put: Callable[[Any], Any]) -> Dataset:
        """The same with its arrays where a backend computes."""
        return replace(self, arrays={name: put(array) for name, array in self.arrays.items()}, put=put)

    def part(self, chosen: np.ndarray) -> Dataset:
        """The samples with the numbers `chosen`."""
        arrays = {name: a[chosen] if name in self.sampled else a for name, a in self.arrays.items()}
        return Dataset(arrays, self.sampled, len(chosen), self.sizes, self.divisible)

    def pick(self, names: Sequence[str]) -> list[np.ndarray]:
        """The arrays of these names, in order."""
        return [self.arrays[name] for name in names]

    def batches(self, names: Sequence[str], size: int | None, rng: np.random.Generator | None,
                part: Callable[[int], slice] | None = None) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Disjoint minibatches of `size` samples until none are left, in random order or (None) as they are.

        Without a size, or where the samples cannot be divided, all of them at once. With a `part`, which says which of so
        many samples are for this process, only these, and how many the whole batch has.
        """
        if size is None or not self.divisible:
            mine = slice(None) if part is None or not self.divisible else part(self.count)
            yield self.count, [self.arrays[n][mine] if n in self.sampled else self.arrays[n] for n in names]
            return
        order = self.put(np.arange(self.count) if rng is None else rng.permutation(self.count))
        for first in range(0, self.count, size):
            chosen = order[first:first + size]
            count = len(chosen)
            chosen = chosen if part is None else chosen[part(count)]
            yield count, [self.arrays[n][chosen] if n in self.sampled else self.arrays[n] for n in names]


def checked(data: Any, feed: Feed, known: Collection[str], what: str, finite: bool = True) -> Dataset:
    """`data` as NumPy arrays for `feed`. Names that `feed` does not need must at least be in `known`.

    Raises DataError: what is missing or unknown, does not fit, is empty, holds an index that is out of range, or (if
    `finite`) NaN or infinity.
    """
    if not isinstance(data, Mapping):
        raise DataError(f"{what} must be a dict from symbol names to arrays, not {type(data).__name__}")
    names = [wanted.name for wanted in feed.wanted]
    for key in data:
        if key not in names and key not in known:
            alike = {name.lower(): name for name in (*known, *names)}
            close = difflib.get_close_matches(str(key).lower(), alike, n=1)
            hint = f"; did you mean {alike[close[0]]!r}?" if close else ""
            raise DataError(f"{what}: no symbol is called {key!r}; those of the model are {_listed(known)}{hint}")
    missing = [name for name in names if name not in data]
    if missing:
        have = _listed(str(key) for key in data)
        raise DataError(f"{what}: no array for {_listed(map(repr, missing))}; given are {have}, "
                        f"needed are {_listed(names)}")
    values = [host(data[name]) for name in names]
    _check_samples(feed, values, what)
    try:
        arrays, sizes = feed.arrays(values)
    except DataError as error:
        raise DataError(f"{what}: {error}") from None
    feed.check_indices(arrays, sizes)
    if finite:
        for name, array, value in zip(names, arrays, values, strict=True):
            check_finite(name, array, what, value)
    overs = {w.name: _over(w.node) for w in feed.wanted if _over(w.node) is not None}
    divisible = len(set(overs.values())) == 1 and not any(isinstance(over, int) for over in overs.values())
    sampled = frozenset(overs)
    count = next((len(a) for n, a in zip(names, arrays, strict=True) if n in sampled), 1)
    return Dataset(dict(zip(names, arrays, strict=True)), sampled, count, sizes, divisible)


def _over(node: Node) -> Any:
    return node.attrs[0].over


def _check_samples(feed: Feed, values: Sequence[Any], what: str) -> None:
    """One number of samples, and not none, before anything else is said about shapes."""
    first: dict[Any, tuple[str, int]] = {}
    for (name, node, _), value in zip(feed.wanted, values, strict=True):
        shape = np.shape(value) if not isinstance(value, (list, tuple)) else (len(value),)
        if _over(node) is None or not shape:
            continue
        if shape[0] == 0:
            raise DataError(f"{what}: {name} has no samples")
        other, count = first.setdefault(_over(node), (name, shape[0]))
        if count != shape[0]:
            raise DataError(f"{what}: {other} has {count} samples and {name} has {shape[0]}; they must be as many")


def check_finite(name: str, array: np.ndarray, what: str, given: Any = None) -> None:
    """DataError for the first NaN or infinity: which input, where, how many; `given` is what it was converted from."""
    if array.dtype.kind != "f" or all(np.isfinite(part).all() for part in _pieces(array)):
        return
    bad = ~np.isfinite(array)
    if bad.any():
        at = tuple(int(i) for i in np.argwhere(bad)[0])
        before = array[at] if given is None else np.asarray(given)[at]
        kind = "NaN" if np.isnan(array[at]) else "infinity" if np.isinf(float(before)) else f"{float(before):g}"
        where = list(at) if at else "its only entry"
        rest = f", and {int(bad.sum()) - 1} more" if bad.sum() > 1 else ""
        if kind not in ("NaN", "infinity"):
            raise DataError(f"{what}: {name} holds {kind} at {where}, too large for {array.dtype}{rest}; dtype=\"float64\" "
                            "takes it, and data of usual size train better")
        raise DataError(f"{what}: {name} holds {kind} at {where}{rest}; training needs finite numbers")


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    """An array in parts along its first axis: of one that lies in a file, no more is read at once."""
    rows = max(1, PIECE * len(array) // array.size) if array.ndim and array.size else 1
    yield from [array] if not array.ndim else (array[i:i + rows] for i in range(0, len(array), rows))


def split(data: Dataset, fraction: float, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """Two parts by chance: for training, and a `fraction` of the samples for validation."""
    if not 0 < fraction < 1:
        raise DataError(f"validation is {fraction:g}; a part of the samples lies between 0 and 1")
    if not data.divisible:
        raise DataError("validation: no single sample axis of free length runs through the data, so no part of the "
                        "samples can be set apart; give a dict of arrays")
    if data.count < 2:
        raise DataError(f"validation: {data.count} sample cannot be divided into two parts")
    size = min(max(round(fraction * data.count), 1), data.count - 1)
    order = rng.permutation(data.count)
    return data.part(order[size:]), data.part(order[:size])


def held_out(everything: Dataset, validation: Any, seed: int, check: Callable[[Any], Dataset]) -> tuple[
        Dataset, Dataset | None]:
    """What is trained on, and what is not: a fraction of it, other data that are to be checked, or nothing."""
    if isinstance(validation, Real) and not isinstance(validation, bool):
        return split(everything, float(validation), np.random.default_rng((seed, 2)))
    return everything, None if validation is None else check(validation)


def _listed(names: Any) -> str:
    return ", ".join(names) or "none"
