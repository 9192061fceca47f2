"""An example of each primitive, on operands of generic numbers: what is true of every one is tested on these rows.

Adding a primitive is one row here; the tests of the table of primitives fail until it is there.
"""

import numpy as np

from symgrad.graphs import ops
from symgrad.graphs.algebra import entries, linear, running, spectra
from symgrad.graphs.algebra import primitives as scalar
from symgrad.graphs.algebra.einsum import broadcast, contract, transpose
from symgrad.graphs.algebra.recurrence import closed
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, Array, Symbol
from symgrad.graphs.table import PRIMITIVES
from symgrad.graphs.weights import ONE, Weight


def leaf(name, *shape, kind=REAL):
    return scalar.input_node(Symbol("data", name), shape, kind)


x, y, cube = leaf("x", 3, 4), leaf("y", 3, 4), leaf("cube", 2, 3, 4)
tall, talls = leaf("tall", 5, 3), leaf("talls", 2, 5, 3)
pieces = leaf("pieces", 2, 3, 2)
spd, right, left = leaf("spd", 2, 3, 3), leaf("right", 2, 3, 4), leaf("left", 2, 5, 4)
one, rows = leaf("one", 3, 3), leaf("rows", 2, 5, kind=INTEGER)
lines, columns = leaf("lines", 6, kind=INTEGER), leaf("columns", 6, kind=INTEGER)
ends, places = leaf("ends", 2, 4), leaf("places", 2, kind=INTEGER)
mode = leaf("mode", kind=BOOLEAN)
picked, test = leaf("picked", 2, 5, 4), leaf("test", 3, 4, kind=BOOLEAN)
NUMBERS = np.arange(3.0)


def arrays(rng):
    """Values of the symbols: no two entries alike, matrices that can be inverted."""
    given = {n.attrs[0].name: rng.permutation(np.prod(n.shape)).reshape(n.shape) / 7 - 0.93
             for n in (x, y, cube, right, left, picked, ends, pieces, tall, talls)}
    for n in (spd, one):
        a = rng.standard_normal(n.shape)
        given[n.attrs[0].name] = a @ np.swapaxes(a, -1, -2) + 2 * np.eye(3)
    return {**given, "rows": rng.integers(0, 3, rows.shape), "lines": rng.integers(0, 3, 6),
            "columns": rng.integers(0, 4, 6), "places": rng.integers(0, 3, 2), "test": np.arange(12).reshape(3, 4) % 2 == 0,
            "mode": np.array(True)}


def recurrence():
    """c = one c + sin(d), d = d x for the slices x of a cube: columns stay apart."""
    c, d, slice_ = leaf("c", 3, 4), leaf("d", 3, 4), leaf("slice", 3, 4)
    after = [scalar.add([contract([one, c], ["ij", "jk"], "ik"), scalar.elementwise("sin", [d])]),
             contract([d, slice_], ["ij", "ij"], "ij")]
    return closed(PRIMITIVES, {c: x, d: y}, {slice_: cube}, {one: one}, after, [], 2, True)[0]


RECURRENCE = recurrence()
EXAMPLES = {
    ops.INPUT: [x], ops.CONSTANT: [scalar.constant(Array("digest", "C", NUMBERS), (3,), REAL)], ops.IOTA: [scalar.iota(3)],
    ops.NAMED: [scalar.named(x, "z")], ops.STOP: [scalar.stop(x)],
    ops.TRACKED: [scalar.tracked(x, mode, y, cube)],
    ops.ADD: [scalar.add([x, y], [ONE, Weight(-2)])],
    ops.EINSUM: [contract([x, y], ["ik", "jk"], "ij"), contract([cube, x], ["bik", "ik"], "bi"), contract([x], ["ij"], "i")],
    ops.VIEW: [transpose(cube, (2, 0, 1)), broadcast(x, (0, 2), (3, 2, 4)), contract([one], ["ii"], "i")],
    ops.ELEMENTWISE: [scalar.elementwise("sin", [x]), scalar.elementwise("maximum", [x, y]),
                      scalar.elementwise("where", [test, x, y])],
    ops.SOFTMAX: [scalar.softmax(cube, (1,)), scalar.softmax(cube, (0, 2))],
    ops.MAX: [scalar.reduction(ops.MAX, cube, (1,))], ops.MIN: [scalar.reduction(ops.MIN, cube, (0, 2))],
    ops.LOGSUMEXP: [scalar.reduction(ops.LOGSUMEXP, cube, (1,))],
    ops.ARGMAX: [scalar.argument(ops.ARGMAX, cube, 1)], ops.ARGMIN: [scalar.argument(ops.ARGMIN, cube, 0)],
    ops.SLICE: [entries.slices(cube, (0, 2, 1), (1, -1, 2), (2, 3, 2))],
    ops.PAD: [entries.pad(cube, (0, 1, 0), (1, 2, 1), (2, 7, 5))],
    ops.CONCAT: [entries.concat([x, y, x], 0, 9)],
    ops.RESHAPE: [entries.reshape(cube, (2, 12)), entries.reshape(cube, (6, 4))],
    ops.GATHER: [entries.gather(x, [rows], (0,)), entries.gather(x, [lines, columns], (0, 1)),
                 entries.gather(cube, [scalar.iota(2), places], (0, 1))],
    ops.SCATTER: [entries.scatter(picked, [rows], (0,), (3, 4)),
                  entries.scatter(ends, [scalar.iota(2), places], (0, 1), (2, 3, 4))],
    ops.MULTIPLY: [running.multiply(cube, 1), running.multiply(x, 1, 1)],
    ops.CUMSUM: [running.cumsum(cube, 1), running.cumsum(x, 0, True)],
    ops.WINDOWS: [running.windows(x, 1, 1, 3, 2)], ops.OVERLAP: [running.overlap(pieces, 1, 1, 4)],
    ops.INVERSE: [linear.inverse(spd)], ops.SOLVE: [linear.solve(spd, right), linear.solve(one, x)],
    ops.LOGDET: [linear.logdet(spd)], ops.COFACTOR: [linear.cofactor(spd, 1)], ops.CHOLESKY: [linear.cholesky(spd)],
    ops.SCAN: [RECURRENCE.last(0), RECURRENCE.stack(RECURRENCE.body.after[0]), RECURRENCE.stack(RECURRENCE.body.carries[1])],
    ops.ARGSORT: [spectra.argsort(cube, 1), spectra.argsort(x, 0)], ops.EIGVALS: [spectra.eigenvalues(spd)],
    ops.EIGVECS: [spectra.eigenvectors(spd), spectra.eigenvectors(one, True)],
    ops.SVDVALS: [spectra.singular_values(left), spectra.singular_values(x)],
    ops.SVD: [spectra.singular_vectors(talls, "u"), spectra.singular_vectors(tall, "v", True), spectra.singular_vectors(x, "v")],
    ops.QR: [spectra.qr(tall, "q"), spectra.qr(talls, "r")],
    ops.DISTANCES: [linear.distances(right, left)],
}

