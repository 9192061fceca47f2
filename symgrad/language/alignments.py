"""Alignments of a sequence with a shorter one: the probability that a network spells a text, over all ways to time it.

A path gives a label to each step of time; read without repetitions, then without blanks, it is the text. The labels with
blanks around them, l = (-, l_1, -, ..., l_S, -), are the states of a chain: a path stays, goes on by one, or by two where
this leaves out a blank between labels that differ. α_t(s) sums the probabilities of what reaches s in t steps (Graves et
al. 2006), here in logarithms; α_0 is 1 at the first state. What no path reaches is -∞, and takes part in no derivative.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError, SymgradError
from symgrad.graphs.node import INTEGER, REAL
from symgrad.graphs.sizes import Size
from symgrad.language.align import as_int, as_tensor, common_over, describe
from symgrad.language.contraction import arange, full
from symgrad.language.linear_algebra import cumsum
from symgrad.language.pointwise import equal, floor, logical_and, logical_not, logical_or, minimum, where
from symgrad.language.rearrange import concatenate, reshape, stack
from symgrad.language.reduction import logsumexp
from symgrad.language.reduction import max as greatest
from symgrad.language.scanning import scan
from symgrad.language.tensor import Tensor

if TYPE_CHECKING:
    import numpy as np


class SpelledTexts(NamedTuple):
    """The logarithms of the probabilities of texts, and how long the texts are."""

    logarithms: Tensor
    lengths: Tensor


def log_alignments(name: str, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any,
                   blank: Any) -> SpelledTexts:
    """The log-probability of each text: `log_probs` are (steps, classes) of one, (steps, N, classes) of N texts."""
    p, labels = as_tensor(log_probs, name), _integers(name, "targets", targets)
    if p.ndim not in (2, 3):
        raise ShapeError(f"{name}: log_probs must be (steps, classes), or (steps, N, classes) of N texts; "
                         f"{describe(p)} has {p.ndim} axes")
    if p.dtype != REAL:
        raise SymgradError(f"{name}: log_probs must be real, {describe(p)} is {p.dtype}")
    steps, *many, classes = p.shape
    empty = as_int(blank, name, "blank")
    if empty < 0 or isinstance(classes, int) and empty >= classes:
        raise SymgradError(f"{name}: blank={empty} is none of the {classes} classes of {describe(p)}, 0 to {classes} - 1")
    heard = _lengths(name, "input_lengths", input_lengths, many, steps, "steps")
    told = _lengths(name, "target_lengths", target_lengths, many, None, "")
    if many and labels.ndim == 1:
        labels = _apart(name, labels, target_lengths, told)
    if labels.ndim != 1 + len(many) or list(labels.shape[:-1]) != many:
        among = "one after the other" if many else "labels"
        raise ShapeError(f"{name}: of log_probs {describe(p)} the targets must have shape "
                         f"{shape_text((*many, 'S'))}{', or be all in one vector, ' + among if many else ''}; "
                         f"they are {describe(labels)}")
    _lengths(name, "target_lengths", target_lengths, many, labels.shape[-1], "labels")
    common_over(name, [p, labels, heard, told])
    return SpelledTexts(_forward(p, labels, heard, told, empty), told)


def _integers(name: str, what: str, value: Any) -> Tensor:
    if not isinstance(value, Tensor):       # a number by itself would be real
        import numpy as np

        given = np.asarray(value)
        value = given if given.ndim or given.dtype.kind not in "iu" else reshape(as_tensor(given[None], name), ())
    t = as_tensor(value, name)
    if t.dtype != INTEGER:
        raise SymgradError(f"{name}: {what} must be integers, {describe(t)} is {t.dtype}")
    return t


def _lengths(name: str, what: str, value: Any, many: list[Size], most: Size | None, noun: str) -> Tensor:
    """Lengths, one of each text; those that are numbers are at most what there is."""
    t = _integers(name, what, value)
    if list(t.shape) != many:
        raise ShapeError(f"{name}: {what} must have shape {shape_text(tuple(many))}, one for each text; "
                         f"it is {describe(t)}")
    known = _known(value)
    if known is not None and known.size:
        if known.min() < 0:
            raise SymgradError(f"{name}: {what} must be at least 0, not {known.min()}")
        if isinstance(most, int) and known.max() > most:
            raise SymgradError(f"{name}: {what} holds {known.max()}, but there are {most} {noun}")
    return t


def _known(value: Any) -> np.ndarray | None:
    """Lengths that are numbers already."""
    if isinstance(value, Tensor):
        return None
    import numpy as np

    return np.asarray(value)


def _apart(name: str, labels: Tensor, given: Any, lengths: Tensor) -> Tensor:
    """Texts that stand in one vector, below one another; behind the end of one is any label."""
    known, whole = _known(given), labels.shape[0]
    if known is not None and isinstance(whole, int) and known.sum() != whole:
        raise ShapeError(f"{name}: target_lengths add up to {known.sum()}, but the targets are {describe(labels)}")
    widest = whole if known is None else int(known.max(initial=0))
    begins = cumsum(lengths) - lengths
    return labels[minimum(begins[:, None] + arange(widest), whole - 1)] if widest != 0 else reshape(
        labels, (lengths.shape[0], 0))


def _forward(p: Tensor, labels: Tensor, heard: Tensor, told: Tensor, blank: int) -> Tensor:
    steps, *many, _ = p.shape
    size = labels.shape[-1]
    place, states = arange(2 * size + 1), 2 * size + 1
    ends = 2 * told[..., None]
    empty = where(ends < 0, ends, blank)
    twice = concatenate([empty, reshape(stack([labels, labels], axis=-1), (*many, 2 * size))], axis=-1)
    odd = logical_not(equal(place / 2, floor(place / 2)))
    chain = where(logical_and(odd, place < ends), twice, blank)     # what stands behind the end of a text is any number
    before = concatenate([empty, empty, chain], axis=-1)[..., :states]
    leaps = logical_and(logical_not(equal(chain, blank)), logical_not(equal(chain, before)))
    grid = [arange(n)[(slice(None), *(None,) * (len(many) + 1 - i))] for i, n in enumerate((steps, *many))]
    begin = where(equal(place, 0), 0.0, -math.inf) + full((*many, 1), 0.0)

    def step(alpha: Tensor, now: tuple[Tensor, Tensor]) -> tuple[Tensor, None]:
        said, t = now
        never = full((*many, 1), -math.inf)
        one = concatenate([never, alpha], axis=-1)[..., :states]
        two = concatenate([never, never, alpha], axis=-1)[..., :states]
        reached = _log_sum(stack([alpha, one, where(leaps, two, -math.inf)], axis=-1)) + said
        return where(t < heard[..., None], reached, alpha), None

    last, _ = scan(step, begin, (p[(*grid, chain)], arange(steps)))
    return _log_sum(where(logical_or(equal(place, ends), equal(place, ends - 1)), last, -math.inf))


def _log_sum(t: Tensor) -> Tensor:
    """log ∑ exp over the last axis; where all is -∞, so is it, and nothing is differentiated."""
    some = greatest(t, axis=-1) > -math.inf
    return where(some, logsumexp(where(some[..., None], t, 0.0), axis=-1), -math.inf)
