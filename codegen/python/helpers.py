"""Functions that NumPy or CuPy lacks, as text: emitted into a module where they are used.

erf after W. J. Cody, Rational Chebyshev approximation for the error function, Math. Comp. 23 (1969): his
coefficients for |x| <= 0.46875 and for 0.46875 <= |x| <= 4, the second also beyond, where erfc is below
1.6e-8 of the result. The relative error in float64 is below 5e-16; float32 stays float32.

Squared distances of n and k points in d dimensions are a matrix product and two norms, about a common centre: the
middle value of every coordinate, which no single far point moves, and with which whole numbers stay whole. They
cancel where two points are near each other, measured against their distances from the centre; pairs whose result is
below a sixteenth of |y|^2 + |p|^2 (few, unless the points form a few tight clusters) are subtracted first and then
squared. So each distance has a relative error of at most 32 (d + 6) u, with u the unit roundoff; in tests 12 u at
d = 16. Memory: n k, and d more for each pair that is computed again.

Powers with the exponents 0, 1, 2, ... are running products: x^j has a relative error of at most j u.

NumPy's `add.at` is fast for an array of one axis; for rows it takes five times as long. So rows are added number by
number: as one long array, or column by column where they are short or lie apart. Every number gets its terms in the order
of the rows, so the sums are those of `add.at` to the last bit, NaN and infinities among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symgrad.codegen.python import spectra
from symgrad.codegen.python.special import CUPY_HAZARD, CUPY_NAMES, SPECIAL, USES

ERF = '''\
def _erf(x):
    """The error function, by the rational approximations of Cody (1969)."""
    y = np.minimum(np.abs(x), 6.0)
    z = np.minimum(y, 0.46875) ** 2
    p, q = 0.185777706184603153 * z, z
    for a, b in (
        (3.16112374387056560, 23.6012909523441209),
        (113.864154151050156, 244.024637934444173),
        (377.485237685302021, 1282.61652607737228),
    ):
        p, q = (p + a) * z, (q + b) * z
    near = x * (p + 3209.37758913846947) / (q + 2844.23683343917062)
    y = np.maximum(y, 0.46875)
    p, q = 2.15311535474403846e-8 * y, y
    for a, b in (
        (0.564188496988670089, 15.7449261107098347),
        (8.88314979438837594, 117.693950891312499),
        (66.1191906371416295, 537.181101862009858),
        (298.635138197400131, 1621.38957456669019),
        (881.952221241769090, 3290.79923573345963),
        (1712.04761263407058, 4362.61909014324716),
        (2051.07837782607147, 3439.36767414372164),
    ):
        p, q = (p + a) * y, (q + b) * y
    far = 1 - np.exp(-y * y) * (p + 1230.33935479799725) / (q + 1230.33935480374942)
    return np.where(np.abs(x) <= 0.46875, near, np.copysign(far, x))
'''

COFACTOR = '''\
def _cofactor(a, order):
    """The derivative of det a, one (row, column) pair of axes for each order; a may be singular."""
    u, s, vt = np.linalg.svd(a)
    n, stack = s.shape[-1], s.shape[:-1]
    value = _leave_out(s, order) * (np.linalg.slogdet(u)[0] * np.linalg.slogdet(vt)[0])[(..., *[None] * order)]
    pair = (u[..., :, None, :] * vt.mT[..., None, :, :]).reshape(*stack, n * n, n)
    for step in range(order):
        size = n ** (order + step - 1)
        value = (pair @ value.reshape(*stack, n, size)).mT
    value = value.reshape(*stack, *(n,) * (2 * order))
    first = len(stack)
    result = np.zeros_like(value)
    for columns in np.ndindex(*(order,) * order):
        if len(set(columns)) == order:
            axes = list(range(first + 2 * order))
            axes[first + 1 :: 2] = [first + 1 + 2 * c for c in columns]
            sign = (-1) ** sum(p > q for i, p in enumerate(columns) for q in columns[i + 1 :])
            result += sign * value.transpose(axes)
    return result
'''

LEAVE_OUT = '''\
def _leave_out(x, order):
    """Products along the last axis without `order` entries, one axis for each; 0 where two are the same."""
    n = x.shape[-1]
    out = np.indices((n,) * order)[..., None] == np.arange(n)
    distinct = (out.sum(axis=0) <= 1).all(axis=-1)
    kept = np.where(out.any(axis=0), 1, x[(..., *[None] * order, slice(None))])
    return kept.prod(axis=-1) * distinct
'''

OVERLAP = '''\
def _overlap(y, axis, step, length):
    """Windows added where their entries came from: the transpose of sliding windows."""
    count, width = y.shape[axis], y.shape[-1]
    shape = (*y.shape[:axis], length, *y.shape[axis + 1 : -1])
    x = np.zeros_like(y[..., 0], shape=shape)  # its axes lie in memory as those of y
    target, source = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    for k in range(width):
        target[k : k + count * step : step] += source[..., k]
    return x
'''

DISTANCES = '''\
def _distances(x, m):
    """|x_i - m_j|^2 of rows and columns: |x|^2 - 2 x'm + |m|^2, again where that cancels."""
    m = m.mT
    k = m.shape[-2]
    centre = np.partition(m, k // 2, axis=-2)[..., k // 2 : k // 2 + 1, :]  # moves no distance
    y, p = x - centre, m - centre
    yy, pp = np.einsum("...i,...i->...", y, y), np.einsum("...i,...i->...", p, p)
    result = (-2 * p) @ y.mT
    result += yy[..., None, :]
    result += pp[..., None]
    near = ~(result.min(axis=-2) > (yy + pp.max(axis=-1)[..., None]) / 16)  # also where NaN
    if near.any():
        *b, i = np.nonzero(near)
        row, j = np.nonzero(~(result.mT[(*b, i)] > (yy[(*b, i)][:, None] + pp[tuple(b)]) / 16))
        *b, i = (places[row] for places in (*b, i))
        r = x[(*b, i)] - m[(*b, j)]
        result[(*b, j, i)] = np.einsum("ij,ij->i", r, r)
    return result.mT
'''

POWERS = '''\
def _powers(x, m):
    """x^0, x^1, ..., x^(m - 1) along a new last axis, as running products."""
    result = np.ones((m, *x.shape), x.dtype)
    for j in range(1, m):
        np.multiply(result[j - 1], x, out=result[j])
    return np.moveaxis(result, 0, -1)
'''

DOT = '''\
def _dot(a, b):
    """The sum of all products; of many in blocks, since one running sum loses digits in float32."""
    a, b = a.ravel(), b.ravel()
    n = a.size // 1024
    if n < 64:
        return a @ b
    x, y = (v[: n * 1024].reshape(n, 1024) for v in (a, b))
    return np.vecdot(x, y).sum() + a[n * 1024 :] @ b[n * 1024 :]
'''

NORM = '''\
def _norm(x):
    """The root of the sum of squares along the last axis, also where squares overflow or vanish."""
    q = _dot(x, x) if x.ndim == 1 else np.vecdot(x, x)
    low, high = (1e-290, 1e300) if x.dtype == np.float64 else (1e-30, 1e38)
    if np.all((low < q) & (q < high)):
        return np.sqrt(q)
    top = np.abs(x).max(axis=-1, keepdims=True, initial=0)
    top = np.where((0 < top) & (top < np.inf), np.ldexp(np.ones_like(top), np.frexp(top)[1] - 1), 1)
    y = x / top
    return top[..., 0] * np.sqrt(np.vecdot(y, y))
'''

NORM_AT_ONCE = '''\
def _norm(x):
    """The root of the sum of squares along the last axis, its largest entry taken out."""
    if x.shape[-1] == 0:
        return np.zeros(x.shape[:-1], x.dtype)
    top = np.abs(x).max(axis=-1, keepdims=True)
    top = np.where((top > 0) & np.isfinite(top), top, np.ones(top.shape, x.dtype))
    y = x / top
    return top[..., 0] * np.sqrt(np.einsum("...i,...i->...", y, y))
'''

ADD_AT = '''\
def _add_at(x, index, rows, add=np.add):
    """x[index] += rows, to a place as often as it comes; NumPy is faster with single numbers."""
    if rows.size < 800:
        return add.at(x, index, rows)
    front = x.shape[: len(index)] if isinstance(index, tuple) else x.shape[:1]
    count = x[(..., *[0] * (x.ndim - len(front)))].size
    width = x.size // max(count, 1)
    if x.flags.c_contiguous and count < 4 * rows.size:
        index = np.arange(count).reshape(front)[index]  # counted from the first: none is negative
        x = x.reshape(count, width)
    elif len(front) > 1 or rows.size < 256 * width:
        return add.at(x, index, rows)
    index, rows = index.reshape(-1), rows.reshape(-1, *x.shape[1:])
    if not x.flags.c_contiguous or width < 8:
        for column in np.ndindex(x.shape[1:]):
            add.at(x[:, *column], index, rows[:, *column])
        return None
    if x.dtype.char in "fd" and rows.dtype == x.dtype and width % 2 == 0:
        pair = np.result_type(x, np.complex64)  # two numbers side by side as a complex one
        x, rows, width = x.view(pair), np.ascontiguousarray(rows).view(pair), width // 2
    block = 65536 // width + 1
    for start in range(0, len(rows), block):
        some = slice(start, start + block)
        entries = index[some, None] * width + np.arange(width)
        add.at(x.reshape(-1), entries.reshape(-1), rows[some].reshape(-1))
'''

PARTS = "in_parts"
IN_PARTS = '''\
def _in_parts(function, out, *args):
    """An elementwise function in parts: what it makes on the way is small."""
    whole, args = out.reshape(-1), [a.reshape(-1) for a in args]
    for start in range(0, whole.size, 16384):
        part = slice(start, start + 16384)
        whole[part] = function(*(a[part] for a in args))
'''

HELPERS: Mapping[str, str] = MappingProxyType({
    "add_at": ADD_AT, "erf": ERF, "norm": NORM, "dot": DOT, "leave_out": LEAVE_OUT, "cofactor": COFACTOR,
    "overlap": OVERLAP, "distances": DISTANCES, "powers": POWERS, PARTS: IN_PARTS, **SPECIAL, **spectra.SPECTRA})
NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"cofactor": ("leave_out",), "norm": ("dot",), **USES,
    **spectra.USES})

DIAGONAL = '''\
def _diagonal(x, axes):
    """The entries of x at which the axes of one number agree, as a view that can be written to."""
    shape, strides = {}, {}
    for axis, size, stride in zip(axes, x.shape, x.strides):
        shape[axis], strides[axis] = size, strides.get(axis, 0) + stride
    return np.lib.stride_tricks.as_strided(x, tuple(shape.values()), tuple(strides.values()))
'''

POWERS_AT_ONCE = '''\
def _powers(x, m):
    """x^0, x^1, ..., x^(m - 1) along a new last axis, in one kernel."""
    return x[..., None] ** np.arange(m).astype(x.dtype)
'''

# CuPy has an error function; einsum gives no view to write to where cuTENSOR computes it; every call is a kernel.
_CUPY = {**HELPERS, "diagonal": DIAGONAL, "powers": POWERS_AT_ONCE, "norm": NORM_AT_ONCE, "hazard": CUPY_HAZARD}
CUPY_HELPERS: Mapping[str, str] = MappingProxyType({
    name: text.replace("np.", "cp.").replace("cp.linalg.LinAlg", "np.linalg.LinAlg") for name, text in _CUPY.items()
    if name not in ("add_at", "erf", PARTS, "dot", "erfc_tail", "exp_square") and name not in CUPY_NAMES})
