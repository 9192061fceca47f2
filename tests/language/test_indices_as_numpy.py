"""Numbers, slices, new axes and arrays of integers beside one another: entries and axes are those of NumPy."""

import itertools

import numpy as np

import symgrad as sg

ONE, TWO = sg.data("one", 3, dtype="integer"), sg.data("two", (2, 3), dtype="integer")
PARTS = {"number": 1, "all": slice(None), "one": ONE, "two": TWO, "new": None, "some": slice(0, 2), "last": -1,
         "fixed": np.array([2, 0])}
MOST = 4  # of any parts; of five, some


def test_axes_lie_where_numpy_puts_them():
    rng = np.random.default_rng(0)
    array, one, two = rng.standard_normal((3, 4, 5, 3)), np.array([0, 2, 1]), rng.integers(0, 3, (2, 3))
    A, known = sg.data("A", array.shape), {**PARTS, "one": one, "two": two}
    tried = 0
    for rank in range(1, MOST + 1):
        for names in itertools.product(PARTS, repeat=rank):
            if not {"one", "two", "fixed"} & set(names) or rank == MOST and rng.random() > 0.1:
                continue
            wanted = array[tuple(known[name] for name in names)] if _fits(array, names, known) else None
            if wanted is None:
                continue
            picked = A[tuple(PARTS[name] for name in names)]
            assert picked.shape == wanted.shape, names
            if tried % 6 == 0:
                np.testing.assert_array_equal(sg.function([A, ONE, TWO], picked)(array, one, two), wanted, str(names))
            tried += 1
    assert tried > 500


def _fits(array, names, known):
    try:
        return array[tuple(known[name] for name in names)] is not None
    except IndexError:  # arrays of shapes that do not broadcast
        return False


def test_over_samples_the_axes_of_each_are_numpys():
    T = sg.dim("T")
    x, i = sg.data("x", (3, 4, 5), over=T), sg.data("i", 2, dtype="integer")
    array, at = np.random.default_rng(1).standard_normal((6, 3, 4, 5)), np.array([4, 0])
    have = sg.function([x, i], x[1, :, i])(array, at)
    np.testing.assert_array_equal(have, np.stack([each[1, :, at] for each in array]))
