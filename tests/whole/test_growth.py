"""Work grows with the graph: calls of functions at one size and at twice that, never seconds."""

import sys

import pytest
import sympy as sp
from benchmarks.derivation import lstm

import symgrad as sg


def calls(f, *args):
    """How many functions are called."""
    number = 0

    def count(frame, event, arg):
        nonlocal number
        number += event == "call"

    sys.setprofile(count)
    try:
        f(*args)
    finally:
        sys.setprofile(None)
    return number


def product(n):
    A, t = sg.data("A", (5, 5)), sg.data("v", 5)
    for _ in range(n):
        t = A @ t
    return t


def powers(n):
    A = sg.data("A", (5, 5))
    t = A
    for _ in range(n):
        t = t @ A
    return t @ sg.data("v", 5)


def terms(n):
    return sum((sg.data(f"a{i}") * sg.data(f"b{i}") for i in range(1, n)), sg.data("a0"))


def layers(n):
    W, t = sg.data("W", (5, 5)), sg.data("v", 5)
    for _ in range(n):
        t = sg.tanh(W @ t)
    return sg.gradient(sg.sum(t), W)


@pytest.mark.parametrize("make", [product, powers, terms, layers], ids=lambda f: f.__name__)
def test_simplify_is_linear(make):
    small, large = (calls(sg.simplify, make(n)) for n in (100, 200))
    assert large < 2.5 * small, (small, large)


@pytest.mark.parametrize("make", [product, powers, terms], ids=lambda f: f.__name__)
def test_what_is_simplified_is_the_same_and_settled(make):
    t = make(60)
    short = sg.simplify(t)
    assert sg.simplify(short) == short
    names = {"A": [[0.1 * (i - j) for i in range(5)] for j in range(5)], "v": [1.0, 2.0, 3.0, 4.0, 5.0]}
    values = names if make is not terms else {f"{x}{i}": i / 7 for i in range(60) for x in "ab" if f"{x}{i}" != "b0"}
    assert t.eval(**values) == pytest.approx(short.eval(**values), rel=1e-9)


def concatenated(n):
    return sg.sum(sg.concatenate([sg.parameter(f"p{i}", 2) for i in range(n)]) ** 2)


def added(n):
    first, *rest = (sg.parameter(f"p{i}", 2) for i in range(n))
    return sg.sum(sg.tanh(sum(rest, first)) ** 2)


def branches(n):
    x = sg.data("x", 3)
    return sum((sg.sum(sg.tanh(sg.parameter(f"W{i}", (3, 3)) @ x)) for i in range(1, n)), sg.sum(x))


@pytest.mark.parametrize("make", [concatenated, added, branches], ids=lambda f: f.__name__)
def test_derive_is_linear(make):
    small, large = (calls(sg.derive, make(n)) for n in (80, 160))
    assert large < 2.5 * small, (small, large)


def refused(e):
    with pytest.raises(sg.SymgradError, match=r"from_sympy: x0 \+ x1.*\.\.\. \(Add\): more than 1000 operands"):
        sg.from_sympy(e)


def test_sums_of_sympy_are_read_and_refused_in_linear_time():
    small, large = (calls(sg.from_sympy, sp.Add(*sp.symbols(f"x0:{n}"))) for n in (200, 400))
    assert large < 2.5 * small, (small, large)
    small, large = (calls(refused, sp.Add(*sp.symbols(f"x0:{n}"))) for n in (1500, 3000))
    assert large < 2.5 * small, (small, large)


def test_gradients_of_unrolled_cells_are_read_in_linear_time_and_once():
    """Each gate is a sum in the products of all cells before it: multiplied out they would double with each."""
    works, again = [], []
    for cells in (4, 8):
        loss, wrt = lstm(cells)
        gradient = sg.gradient(loss, wrt[0])
        works.append(calls(str, gradient))
        again.append(calls(sg.Tensor.latex, gradient))
    assert works[1] < 3 * works[0], works
    assert again[1] < works[1] / 2, (again, works)
