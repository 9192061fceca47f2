"""A fit by several processes: they see that they do the same, share each batch, and decide everything together.

What a step exchanges is in the program (`codegen/program/ranks.py`). Here is the rest: a few words from each to all, when
the fit begins and after each epoch, so that an error, Ctrl-C or a callback on one of them ends the fit on all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np

from symgrad.codegen.program.ranks import Ranks
from symgrad.graphs.errors import SymgradError
from symgrad.training.dataset import Dataset
from symgrad.training.steps import FitSteps, Pass, by_batches

T = TypeVar("T")
METHODS = ("Get_rank", "Get_size", "Allreduce", "allgather", "bcast")


class ProcessGroup:
    """The processes of a communicator, as one of them sees it; `ranks` is what its steps ask for sums."""

    def __init__(self, comm: Any, ranks: Ranks) -> None:
        self.comm, self.ranks = comm, ranks

    @property
    def first(self) -> bool:
        """Is this the process that shows and writes?"""
        return self.ranks.rank == 0

    def agreed(self, call: Callable[[], T]) -> list[T]:
        """What `call` gives on each rank. Where it fails on one, all of them raise an error; Ctrl-C is for all, too."""
        value, error = None, None
        try:
            value = call()
        except BaseException as raised:  # noqa: BLE001 - whatever it is, the others wait to hear of it
            error = raised
        if self.ranks.stopped and error is None:
            error = KeyboardInterrupt()
        self.ranks.stopped = False
        said = None if error is None else f"{type(error).__name__}: {error}"
        interrupted = isinstance(error, KeyboardInterrupt)
        answers: list[Any] = self.comm.allgather((said, interrupted, value if said is None else None))
        if error is not None and not interrupted:
            raise error
        for rank, (text, interrupt, _) in enumerate(answers):
            if text is not None and not interrupt:
                raise SymgradError(f"fit: rank {rank} failed, so this one ends, too: {text}")
        if any(interrupt for _, interrupt, _ in answers):
            raise KeyboardInterrupt
        return [given for *_, given in answers]

    def check_same(self, things: Mapping[str, Any]) -> None:
        """Raises SymgradError on all ranks where one has other things than the first, which it names."""
        own = {name: digest(value) for name, value in things.items()}
        for rank, found in enumerate(everyone := self.comm.allgather(own)):
            for name in found:
                if everyone[0].get(name) != found[name]:
                    raise SymgradError(f"fit: the {name} of rank {rank} differ from those of rank 0; every rank passes the "
                                       "whole data and the same arguments, and takes its part of each batch by itself")


def group_of(comm: Any, make: Callable[[Any], Ranks]) -> ProcessGroup | None:
    """The group of a communicator; None where there is one process. Raises SymgradError for what is no communicator."""
    if comm is None:
        return None
    for name in METHODS:
        if not callable(getattr(comm, name, None)):
            raise SymgradError(f"fit: comm must be a communicator of mpi4py, such as MPI.COMM_WORLD, not {comm!r}")
    return None if comm.Get_size() == 1 else ProcessGroup(comm, make(comm))


def alike(group: ProcessGroup | None, call: Callable[[], T]) -> T:
    """What `call` gives here; where it fails on one of a group, all of them raise an error."""
    if group is None:
        return call()
    given: list[T] = []
    group.agreed(lambda: given.append(call()))
    return given[0]


def begun(group: ProcessGroup | None, call: Callable[[], tuple[Mapping[str, Any], T]]) -> T:
    """The second thing that `call` gives. Raises SymgradError where the first is not the same for all of a group."""
    same, given = alike(group, call)
    if group is not None:
        group.check_same(same)
    return given


def digest(value: Any) -> bytes:
    """What tells arrays, or anything that prints, from others."""
    found = blake2b(digest_size=16)
    for part in value.values() if isinstance(value, Mapping) else [value]:
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype} {part.shape}".encode())
            found.update(np.ascontiguousarray(part).data if part.size else b"")
        else:
            found.update(json.dumps(part, default=str).encode())
    return found.digest()


class Led:
    """Steps that cannot be shared, those of second order: the first rank does them, and tells the others."""

    def __init__(self, steps: FitSteps, group: ProcessGroup, views: Callable[[], Iterable[np.ndarray]]) -> None:
        self.steps, self.group, self.views = steps, group, views
        self.ended, self.done, self.rates, self.curves = "", steps.done, steps.rates, steps.curves
        self.gradients: Mapping[str, np.ndarray] = {}

    def begin(self, epoch: int) -> None:
        """An epoch begins."""
        self.steps.begin(epoch)

    def __call__(self, batch: Sequence[Any]) -> Any:
        """One step of the first rank, whose parameters all take."""
        found: Any = None
        if self.group.first:
            try:
                loss = self.steps(batch)
                found = None, loss, self.steps.norm(), self.steps.rate, self.steps.ended, [v.copy() for v in self.views()]
            except BaseException as raised:  # noqa: BLE001 - the others wait to hear of it
                found = (raised, *[None] * 5)
        error, loss, self._norm, self.rate, self.ended, arrays = self.group.comm.bcast(found, root=0)
        if error is not None:
            raise error
        for view, array in zip(self.views(), arrays, strict=True):
            view[...] = array
        return loss

    def each(self, data: Dataset, names: Sequence[str], size: int | None,
             rng: np.random.Generator | None) -> Iterable[Pass]:
        """The steps of an epoch, one by one."""
        return by_batches(self, data, names, size, rng)

    def norm(self) -> Any:
        """The norm of the gradient that the last step found."""
        return self._norm
