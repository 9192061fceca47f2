"""PyTorch's operators that order, pick and put entries, bags of embeddings, and operators of matrices."""

from __future__ import annotations

import math
from typing import Any

from symgrad.graphs.errors import SymgradError
from symgrad.graphs.sizes import canonical, product
from symgrad.language import attending, composed, factoring
from symgrad.language import contraction as co
from symgrad.language import linear_algebra as la
from symgrad.language import picking as pk
from symgrad.language import pointwise as ew
from symgrad.language import rearrange as re
from symgrad.language import reduction as red
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor
from symgrad.networks.picking import flat_places, put_rows
from symgrad.networks.sampling import put_together, sampled

KINDS_OF_BAGS = ("sum", "mean", "max")
MODES, PADDINGS = ("linear", "nearest", "cubic"), ("zeros", "border", "reflection")  # by PyTorch's numbers
REDUCTIONS = {"sum": "add", "add": "add", "prod": "mul", "multiply": "mul", "amax": "max", "amin": "min"}


def top(self: Any, k: int, dim: int = -1, largest: bool = True, **more: Any) -> Any:
    return list(pk.topk(self, k, dim, largest))


def ordered(self: Any, dim: int = -1, descending: bool = False, **more: Any) -> Any:
    return pk.sort(self, dim, descending), pk.argsort(self, dim, descending)


def kth(self: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    place = dim % self.ndim
    front = (slice(None),) * place
    found = [t[(*front, slice(k - 1, k))] for t in ordered(self, place)]
    return found if keepdim else [re.squeeze(t, place) for t in found]


def middle(self: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """PyTorch's median: of an even number the lower one."""
    flat = re.reshape(self, (-1,)) if dim is None else self
    n = flat.shape[0 if dim is None else dim]
    if not isinstance(n, int):
        raise SymgradError(f"it takes the middle of {n} entries, which must be a number")
    found = kth(flat, (n + 1) // 2, 0 if dim is None else dim, keepdim)
    return found[0] if dim is None else found


def one_hot(self: Any, num_classes: int = -1) -> Any:
    if num_classes < 0:
        raise SymgradError("how many classes there are is known at run time only; say it: one_hot(x, num_classes)")
    inside = ew.equal(re.expand_dims(self, -1), co.arange(num_classes))
    return ew.where(inside, 1, 0)


def scattered(self: Any, dim: int, index: Any, src: Any = None, value: Any = None, reduce: Any = None,
              include_self: bool = True, **more: Any) -> Any:
    """Numbers put, added, ... where an index says along one axis."""
    if not include_self or (reduce is not None and reduce not in REDUCTIONS):
        without = "" if include_self else " without the entries themselves"
        raise SymgradError(f"it reduces by {reduce!r}{without}; known are {', '.join(REDUCTIONS)}, with them")
    place = dim % self.ndim
    given = co.full(index.shape, value) if src is None else src[tuple(slice(0, n) for n in index.shape)]
    grids = [re.reshape(co.arange(n), (-1, *[1] * (self.ndim - 1 - a))) for a, n in enumerate(index.shape)]
    places = flat_places(self, [index if a == place else grids[a] for a in range(self.ndim)])
    places = re.reshape(re.broadcast_to(places, index.shape), (-1,))
    done = put_rows(re.reshape(self, (-1,)), places, re.reshape(given, (-1,)), REDUCTIONS.get(reduce, "none"))
    return re.reshape(done, self.shape)


def added(self: Any, dim: int, index: Any, src: Any) -> Any:
    return scattered(self, dim, index, src, reduce="sum")


def put_at(self: Any, indices: Any, values: Any, accumulate: bool = False, **more: Any) -> Any:
    """Rows put where indices say; an axis without one, in front, is taken whole."""
    lead = next((a for a, index in enumerate(indices) if index is not None), 0)
    used = indices[lead:]
    if any(index is None for index in used) or any(as_tensor(index).dtype == "boolean" for index in used):
        raise SymgradError("its indices are masks, or leave out an axis between two others")
    order = [*range(lead, self.ndim), *range(lead)]
    turned = re.transpose(self, order) if lead else self
    rest = turned.shape[len(used):]
    places = flat_places(turned, [as_tensor(index) for index in used])
    many = (*places.shape, *rest)
    laid = as_tensor(values)
    if lead:  # values have the axes in front first
        laid = re.broadcast_to(laid, (*self.shape[:lead], *places.shape, *self.shape[lead + len(used):]))
        laid = re.transpose(laid, [*range(lead, laid.ndim), *range(lead)])
    rows = re.reshape(turned, (product(turned.shape[:len(used)]), *rest))
    laid = re.reshape(re.broadcast_to(laid, many), (product(places.shape), *rest))
    done = re.reshape(put_rows(rows, re.reshape(places, (-1,)), laid, "add" if accumulate else "none"), turned.shape)
    return re.transpose(done, [order.index(a) for a in range(self.ndim)]) if lead else done


def bags(weight: Any, indices: Any, offsets: Any, mode: int = 0, per_sample_weights: Any = None,
         include_last_offset: bool = False, padding_idx: Any = None, **more: Any) -> Any:
    """Rows of a table, those of a bag added up, averaged, or their largest entries."""
    starts = offsets[:-1] if include_last_offset else offsets
    count, total = starts.shape[0], indices.shape[0]
    wide = canonical(total / count) if not isinstance(total, int) or not isinstance(count, int) else (
        total // count if count and total % count == 0 else None)
    seen = None if padding_idx is None or padding_idx < 0 else ew.not_equal(indices, padding_idx)
    if isinstance(wide, int) and starts == wide * co.arange(count):  # all of one length, as of a table of indices
        shape = (count, wide)
        rows = attending.embedding(re.reshape(indices, shape), weight)
        kept = None if seen is None else re.reshape(seen, shape)
        shares = None if per_sample_weights is None else re.reshape(per_sample_weights, shape)
    else:
        place = co.arange(total)
        ends = re.concatenate([starts[1:], co.arange(1) + total], 0)
        kept = ew.logical_and(ew.less_equal(starts[:, None], place), ew.less(place, ends[:, None]))
        kept = kept if seen is None else ew.logical_and(kept, seen)
        rows = re.broadcast_to(attending.embedding(indices, weight), (count, total, weight.shape[1]))
        shares = per_sample_weights
    rows = rows if shares is None else rows * shares[..., None]
    return [_folded(rows, kept, KINDS_OF_BAGS[mode]), None, None, None]


def _folded(rows: Tensor, kept: Any, kind: str) -> Tensor:
    """The rows of each bag, folded; an empty bag gives zeros."""
    if kept is None:
        return {"sum": red.sum, "mean": red.mean, "max": red.max}[kind](rows, 1)
    inside = kept[..., None]
    if kind == "max":
        most = red.max(ew.where(inside, rows, -math.inf), 1)
        return ew.where(ew.equal(most, -math.inf), 0, most)
    whole = red.sum(ew.where(inside, rows, 0), 1)
    return whole if kind == "sum" else whole / ew.maximum(red.sum(ew.where(inside, 1.0, 0.0), 1), 1)


def grid_sampled(input: Any, grid: Any, interpolation_mode: int = 0, padding_mode: int = 0, align_corners: bool = False,
                 **more: Any) -> Any:
    return sampled(input, grid, MODES[interpolation_mode], PADDINGS[padding_mode], align_corners)


def folded(self: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    return put_together(self, output_size, kernel_size, stride, dilation, [(p, p) for p in padding])


def frames(self: Any, dimension: int, size: int, step: int) -> Any:
    """PyTorch's `unfold` of a tensor: windows along an axis, their entries last."""
    place, n = dimension % self.ndim, self.shape[dimension]
    if not isinstance(n, int):
        raise SymgradError(f"it takes windows of an axis of {n} entries, which must be a number")
    starts = range(0, n - size + 1, step)
    flat = composed.take(self, [start + i for start in starts for i in range(size)], place)
    split = re.reshape(flat, (*self.shape[:place], len(starts), size, *self.shape[place + 1:]))
    return re.transpose(split, [a for a in range(split.ndim) if a != place + 1] + [place + 1])


def greatest_so_far(self: Any, dim: int) -> Any:
    place, n = dim % self.ndim, self.shape[dim]
    lines = co.arange(n)
    behind = [None] * (self.ndim - place - 1)
    ahead = ew.less_equal(lines[(slice(None), *behind)], lines[(slice(None), None, *behind)])
    values = re.expand_dims(self, place)
    largest = red.max(ew.where(ahead, values, -math.inf), place + 1)
    last = ew.logical_and(ahead, ew.equal(values, re.expand_dims(largest, place + 1)))  # of equal ones, as PyTorch has it
    return [largest, red.max(ew.where(last, lines[(slice(None), *behind)], 0), place + 1)]


def log_sums(self: Any, dim: int) -> Any:
    place, n = dim % self.ndim, self.shape[dim]
    lines = co.arange(n)
    behind = [None] * (self.ndim - place - 1)
    ahead = ew.less_equal(lines[(slice(None), *behind)], lines[(slice(None), None, *behind)])
    return red.logsumexp(ew.where(ahead, re.expand_dims(self, place), -math.inf), place + 1)


# matrices -----------------------------------------------------------------------------------------------------


def solved(A: Any, B: Any, left: bool = True) -> Any:
    if not left:
        raise SymgradError("it solves from the right (left=False)")
    return la.solve(A, B)


def solved_triangle(self: Any, B: Any, upper: bool, left: bool = True, unitriangular: bool = False) -> Any:
    if not left or unitriangular:
        raise SymgradError("it solves from the right, or with ones on the diagonal")
    return la.solve_triangular(self, B, lower=not upper)


def root(self: Any, upper: bool = False) -> Any:
    lower = la.cholesky(self)
    return lower.mT if upper else lower


def pseudo(self: Any, **more: Any) -> Any:
    if more.get("rcond", 1e-15) != 1e-15 or more.get("rtol") is not None or more.get("atol") is not None:
        raise SymgradError("it takes small singular values for zero by a bound of its own")
    return factoring.pinv(self)


def cross(self: Any, other: Any, dim: int = -1) -> Any:
    place = dim % self.ndim
    (a, b, c), (u, v, w) = ([t[(*(slice(None),) * place, i)] for i in range(3)] for t in (self, other))
    return re.stack([b * w - c * v, c * u - a * w, a * v - b * u], place)


def distances(x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = None) -> Any:
    """Between all rows of one and all of the other."""
    return composed.norm(re.expand_dims(x1, -2) - re.expand_dims(x2, -3), p, -1)
