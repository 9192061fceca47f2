"""Rows added at places that come again, in generated NumPy: what `np.add.at` gives, sooner."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.python.libraries import NUMPY

FRONTS = [(1,), (5,), (4000,), (2, 7), (60, 70)]
RESTS = [(), (1,), (3,), (2, 3), (8,), (9,), (4, 5), (16,)]
LAYOUTS = {"whole": lambda shape, dtype: np.zeros(shape, dtype), "turned": lambda shape, dtype: np.zeros(shape[::-1], dtype).T,
           "apart": lambda shape, dtype: np.zeros((*shape, 2), dtype)[..., 0]}


def add_at():
    """The function of generated text."""
    space = {"np": np}
    exec(NUMPY.helpers["add_at"], space)
    return space["_add_at"]


@given(st.data())
def test_rows_are_added_as_by_numpy(data):
    """Every dtype, layout, number of indices and rank of rows, negative places, NaN and infinities; few rows and many."""
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32), label="seed"))
    dtype = np.dtype(draw(st.sampled_from(["float32", "float64", "int64", "bool"]), label="dtype"))
    front, rest = draw(st.sampled_from(FRONTS), label="front"), draw(st.sampled_from(RESTS), label="rest")
    among = draw(st.sampled_from([(0,), (1,), (300,), (60, 5), (900,)]), label="places")
    index = tuple(rng.integers(-n, n, among) for n in front)
    rows = rng.integers(-4, 4, (*among, *rest)).astype(dtype)
    if dtype.kind == "f":
        rows = rows + rng.standard_normal(rows.shape).astype(dtype)
        rows[rng.random(rows.shape) < 0.05] = draw(st.sampled_from([np.nan, np.inf, -np.inf, -0.0]), label="value")
    rows = np.asfortranarray(rows) if draw(st.booleans(), label="rows in columns") else rows
    have = LAYOUTS[draw(st.sampled_from([*LAYOUTS]), label="layout")]((*front, *rest), dtype)
    have[...] = rng.integers(-3, 4, have.shape)
    want, chosen = have.copy(), index if len(front) > 1 else index[0]
    ufunc = draw(st.sampled_from([np.add, np.subtract] if dtype.kind != "b" else [np.add]), label="ufunc")
    with np.errstate(all="ignore"):
        ufunc.at(want, chosen, rows)
        add_at()(have, chosen, rows, ufunc)
    np.testing.assert_array_equal(have, want)


def test_columns_of_a_part_are_reached():
    """A view into a larger array is filled, and nothing beside it."""
    whole = np.zeros((5, 40, 2))
    index, rows = np.arange(600) % 5 - 5, np.ones((600, 40))
    add_at()(whole[..., 1], index, rows)
    assert (whole[..., 1] == 120).all() and (whole[..., 0] == 0).all()


@pytest.mark.parametrize(("shape", "index", "message"), [
    ((5, 16), [5], "index 5 is out of bounds for axis 0 with size 5"),
    ((5, 16), [-6], "index -6 is out of bounds for axis 0 with size 5"),
    ((5, 2), [7], "index 7 is out of bounds for axis 0 with size 5"),
    ((5000, 3), [5000], "index 5000 is out of bounds for axis 0 with size 5000"),
    ((5, 4, 6), ([1], [4]), "index 4 is out of bounds for axis 1 with size 4"),
    ((0, 16), [0], "index 0 is out of bounds for axis 0 with size 0"),
])
@pytest.mark.parametrize("times", [1, 600])
def test_a_place_that_is_not_there_is_refused_in_numpys_words(shape, index, message, times):
    places = tuple(np.repeat(i, times) for i in index) if isinstance(index, tuple) else np.repeat(index, times)
    rest = shape[len(places) if isinstance(places, tuple) else 1:]
    with pytest.raises(IndexError, match=re.escape(message)):
        add_at()(np.zeros(shape), places, np.ones((times, *rest)))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_gradient_of_an_embedding_adds_rows(dtype):
    """Of numbers NumPy's own sum is fast; CuPy's has no such loop."""
    n = sg.dim("n")
    table, chosen, t = sg.parameter("E", (50, 16)), sg.data("i", n, dtype="integer"), sg.data("t", (n, 16))
    gradient = sg.gradient(sg.sum((table[chosen] - t) ** 2), table)
    f = sg.function([table, chosen, t], gradient, dtype=dtype)
    assert "_add_at(" in f.source and "np.add.at" not in f.source.replace("add=np.add", "")
    rng = np.random.default_rng(0)
    E, i, T = rng.standard_normal((50, 16)), rng.integers(-50, 50, 400), rng.standard_normal((400, 16))
    want = np.zeros((50, 16))
    np.add.at(want, i, 2 * (E[i] - T))
    np.testing.assert_allclose(f(E, i, T), want, *((1e-12,) * 2 if dtype == "float64" else (1e-4,) * 2))
    i[7] = 50
    with pytest.raises(sg.DataError, match=r"i: the index 50 at \(7,\) is out of range for an axis of length 50"):
        f(E, i, T)
    weight = sg.parameter("w", 50)
    f = sg.function([weight, chosen], sg.gradient(sg.sum(sg.sin(weight[chosen])), weight))
    assert "np.add.at(" in f.source and "_add_at" not in f.source
