"""Batches that come one by one: what does not fit into memory, is read as it is needed, or is made anew in every epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np

from symgrad.codegen.program.network import Network
from symgrad.graphs.errors import DataError, SymgradError
from symgrad.training.counting import check_counts
from symgrad.training.dataset import Dataset

Checked = Callable[[Any, str], Dataset]


@dataclass(frozen=True)
class BatchStream(Dataset):
    """Dicts of arrays, each one step; as a `Dataset` it is its first batch. `passing` is the batch of the last step."""

    source: Iterable[Any] | Callable[[], Iterable[Any]] = ()
    check: Checked | None = None
    opened: list[Iterator[Any]] = field(default_factory=list)  # the pass that was begun for its first batch
    passing: list[Dataset] = field(default_factory=list)

    def batches(self, names: Sequence[str], size: int | None, rng: np.random.Generator | None,
                part: Callable[[int], slice] | None = None) -> Iterator[tuple[int, list[np.ndarray]]]:
        """The batches of one epoch as they come, each checked; how many samples each has.

        Raises DataError for one that does not fit, and where there is none.
        """
        assert self.check is not None
        given = self.opened.pop() if self.opened else iter(begun_anew(self.source))
        number = 0
        for number, batch in enumerate(given, start=1):
            dataset = self.check(batch, f"batch {number}")
            self.passing[:] = [dataset]
            yield dataset.count, dataset.moved(self.put).pick(names)
        if not number:
            raise DataError("fit: there are no batches left: an iterator runs once; give a function that begins it anew "
                            "for every epoch")

    def moved(self, put: Callable[[Any], Any]) -> BatchStream:
        return replace(self, arrays={name: put(array) for name, array in self.arrays.items()}, put=put)


def taken_up(data: Any, epochs: int, validation: Any, net: Network, group: Any, check: Checked) -> Dataset:
    """What a fit trains on: a dict of arrays or, where it is none, batches that come one by one.

    Raises DataError, and SymgradError for what batches one by one do not allow.
    """
    if isinstance(data, Mapping):
        return check(data, "data")
    if group is not None:
        raise SymgradError("fit: comm= shares the batches of whole data, a dict of arrays")
    if isinstance(validation, Real) and not isinstance(validation, bool):
        raise DataError(f"validation is {validation}, and no part of batches that come one by one can be set apart; give a "
                        "dict of arrays")

    def counted(batch: Any, what: str) -> Dataset:
        dataset = check(batch, what)
        check_counts(net, dataset, None)
        return dataset

    return stream(data, epochs, counted)


def stream(source: Any, epochs: int, check: Checked) -> BatchStream:
    """The batches of `source`, an iterable or a function that begins one for every epoch; the first one is looked at.

    Raises DataError where there is none, SymgradError for what gives no batches, or gives them for one epoch alone.
    """
    given = begun_anew(source)
    if given is source and iter(given) is given and epochs > 1:
        raise SymgradError(f"fit: {type(source).__name__} gives its batches once, and epochs is {epochs}; give a function "
                           "that begins anew for every epoch, fit(lambda: batches(), ...)")
    batches = iter(given)
    first = next(batches, None)
    if first is None:
        raise DataError("fit: there are no batches")
    seen = check(first, "batch 1")
    return BatchStream(seen.arrays, seen.sampled, seen.count, seen.sizes, False, seen.put, source, check,
                       [chain([first], batches)])


def begun_anew(source: Any) -> Iterable[Any]:
    """An iterable of batches, for one epoch."""
    given = source() if callable(source) else source
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, np.ndarray)):
        raise SymgradError(f"fit: data are a dict from symbol names to arrays, or batches of such dicts one by one, not "
                           f"{type(given).__name__}")
    return given


def each_of(data: Any, check: Checked, what: str = "data") -> Dataset:
    """A dict of arrays or, where it is none, batches one by one that are only looked at."""
    if isinstance(data, Mapping):
        return check(data, what)
    return stream(data, 1, lambda batch, which: check(batch, f"{what}, {which}" if what != "data" else which))


def evaluated(data: Dataset, one: Callable[[Dataset], dict[str, float]]) -> dict[str, float]:
    """What `one` finds of data; of batches one by one the mean over all samples."""
    if not isinstance(data, BatchStream):
        return one(data)
    return means((count, one(data.passing[0].moved(data.put))) for count, _ in data.batches((), None, None))


def first_of(data: Dataset) -> Dataset:
    """Data that stay, for a report: of batches one by one the first."""
    if not isinstance(data, BatchStream):
        return data
    return Dataset(data.arrays, data.sampled, data.count, data.sizes, len(data.sampled) > 0, data.put)


def means(parts: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, float]:
    """Means over samples, of parts with so many."""
    total, sums = 0, dict[str, float]()
    for size, values in parts:
        total += size
        for name, value in values.items():
            sums[name] = sums.get(name, 0.0) + size * value
    return {name: value / total for name, value in sums.items()}
