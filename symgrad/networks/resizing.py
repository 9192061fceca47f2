"""Images made larger and smaller: along each side a matrix of how much every entry is of every new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symgrad.language.arrays import moveaxis
from symgrad.language.contraction import einsum
from symgrad.language.pointwise import where
from symgrad.language.rearrange import reshape
from symgrad.language.tensor import Tensor
from symgrad.networks.call import KNOWN_LIMIT, Call, Reads, tensor

NEAREST: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda a: np.ceil(a - 0.5), "round_prefer_ceil": lambda a: np.floor(a + 0.5),
    "floor": np.floor, "ceil": np.ceil,
}


def _resize(c: Call, x: Tensor, *rest: Any) -> Tensor:
    roi, scales, sizes = ((None, *rest, None, None)[:3] if c.version < 11 or c.operator == "Upsample"
                          else (*rest, None, None, None)[:3])
    if c.operator == "Upsample" and c.version < 9:
        scales = np.asarray(c["scales"])
    places = [c.axis(a, x) for a in (c["axes"] or range(x.ndim))]
    mode = c["mode"]
    if mode not in ("nearest", "linear", "cubic") or c["antialias"]:
        c.refuse(f"mode {mode!r}{' with antialias' if c['antialias'] else ''} is not known; nearest, linear and cubic are")
    factors, lengths = _scaling(c, x, places, scales, sizes)
    way = c["coordinate_transformation_mode"] or ("asymmetric" if c.version < 11 else "half_pixel")
    box = None
    if way == "tf_crop_and_resize":
        if not isinstance(roi, np.ndarray):
            c.refuse("its region (roi) must be known when the file is read")
        box = roi.reshape(2, -1)
    for i, place in enumerate(places):
        n = x.shape[place]
        if factors[i] == 1 and lengths[i] == n and box is None:
            continue
        if isinstance(lengths[i], int) and lengths[i] > KNOWN_LIMIT:
            c.refuse(f"it makes {lengths[i]} entries along axis {place}")
        if not isinstance(n, int):
            c.refuse(f"it resizes a side of {n} entries, which must be a number")
        shares = _shares(c, mode, way, n, lengths[i], factors[i], None if box is None else box[:, i])
        x = moveaxis(einsum("...a,oa->...o", moveaxis(x, place, -1), tensor(shares)), -1, place)
        if box is not None:
            x = _beyond(c, x, place, n, lengths[i], box[:, i])
    return x


def _scaling(c: Call, x: Tensor, places: Sequence[int], scales: Any, sizes: Any) -> tuple[list[Any], list[int]]:
    if scales is not None and np.size(scales) and not isinstance(scales, Tensor):
        factors = [float(f) for f in np.asarray(scales).reshape(-1)]
        ends = [x.shape[p] if f == 1 else math.floor(x.shape[p] * f) for p, f in zip(places, factors, strict=True)]
        return factors, ends
    if sizes is None and isinstance(scales, Tensor):
        c.sizes(scales, "scales")
    wanted = c.sizes(sizes, "sizes")
    factors = [1 if w == x.shape[p] else w / x.shape[p] for p, w in zip(places, wanted, strict=True)]
    policy = c["keep_aspect_ratio_policy"] or "stretch"
    if policy != "stretch":
        one = (min if policy == "not_larger" else max)(factors)
        return [one] * len(factors), [math.floor(one * x.shape[p] + 0.5) for p in places]
    return factors, wanted


def _shares(c: Call, mode: str, way: str, n: int, length: int, factor: float, box: Any) -> np.ndarray:
    """How much each of n entries is of each of `length`: rows of weights."""
    out = np.arange(length, dtype=float)
    if way == "align_corners":
        at = out * (n - 1) / (factor * n - 1) if length > 1 else out * 0
    elif way == "asymmetric":
        at = out / factor
    elif way == "tf_crop_and_resize":
        at = box[0] * (n - 1) + out * (box[1] - box[0]) * (n - 1) / (length - 1) if length > 1 else (
            0.5 * (box[0] + box[1]) * (n - 1) + out)
    elif way == "pytorch_half_pixel":
        at = (out + 0.5) / factor - 0.5 if length > 1 else out * 0
    elif way == "half_pixel_symmetric":
        adjustment = length / (factor * n)
        at = n / 2 * (1 - adjustment) + (out + 0.5) / factor - 0.5
    elif way == "tf_half_pixel_for_nn":
        at = (out + 0.5) / factor
    elif way == "half_pixel":
        at = (out + 0.5) / factor - 0.5
    else:
        c.refuse(f"coordinate_transformation_mode {way!r} is not known")
    found = np.zeros((length, n))
    if mode == "nearest":
        how = c["nearest_mode"] or ("floor" if c.version < 11 else "round_prefer_floor")
        rounded = NEAREST[how](at)
        found[np.arange(length), np.clip(rounded, 0, n - 1).astype(int)] = 1
        return found
    low = np.floor(at).astype(int)
    rest = at - low
    if mode == "linear":
        taps = [(0, 1 - rest), (1, rest)]
    else:
        a = -0.75 if c["cubic_coeff_a"] is None else c["cubic_coeff_a"]
        taps = [(k, _cubic(np.abs(rest - k), a)) for k in (-1, 0, 1, 2)]
    total = np.zeros(length)
    for k, weight in taps:
        inside = (low + k >= 0) & (low + k < n)
        weight = np.where(inside, weight, 0) if c["exclude_outside"] else weight
        total += weight
        np.add.at(found, (np.arange(length), np.clip(low + k, 0, n - 1)), weight)
    return found / total[:, None] if c["exclude_outside"] else found


def _cubic(s: np.ndarray, a: float) -> np.ndarray:
    """Keys' kernel."""
    return np.where(s <= 1, (a + 2) * s**3 - (a + 3) * s**2 + 1,
                    np.where(s < 2, a * s**3 - 5 * a * s**2 + 8 * a * s - 4 * a, 0))


def _beyond(c: Call, x: Tensor, place: int, n: int, length: int, box: Any) -> Tensor:
    """Entries that a crop takes from outside of the image."""
    at = (box[0] * (n - 1) + np.arange(length) * (box[1] - box[0]) * (n - 1) / (length - 1) if length > 1
          else np.array([0.5 * (box[0] + box[1]) * (n - 1)]))
    inside = (at >= 0) & (at <= n - 1)
    if inside.all():
        return x
    return where(reshape(tensor(inside), (-1, *[1] * (x.ndim - 1 - place))), x, c["extrapolation_value"] or 0)


ROWS = (Reads("Resize", _resize, (1, 2, 3)), Reads("Upsample", _resize, (1,)))
