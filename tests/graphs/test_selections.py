"""What is not taken contributes nothing, whatever it holds: values, gradients and products with Hessians.

Formulas of an entry x and of a smaller s are drawn with choices anywhere in them: `where`, max, relu, clip, factors. The
judge takes each entry alone in 50 digits, never looks at a branch that is not taken, and differentiates by differences.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symgrad as sg

RUBBISH = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1000.0, -1000.0)
SHAPES = ((), (1, 4), (3, 1), (4,))
Tree = tuple[Any, ...]


class Seen(NamedTuple):
    """A value, and whether all that it was made of can be computed in floating point."""

    value: Any
    tame: bool


UNARY = {"exp": mpmath.exp, "log": mpmath.log, "sqrt": mpmath.sqrt, "square": lambda v: v * v, "sin": mpmath.sin,
         "reciprocal": lambda v: 1 / v, "tanh": mpmath.tanh}
leaves = st.sampled_from([("x",), ("x",), ("s",), ("number", 0.5), ("number", 3)])


def grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    """One operation more."""
    tests = st.sampled_from([("x", ">", 0.3), ("s", "<", 1.2), ("between", 0.2, 1.1)])
    return st.one_of(
        st.tuples(st.sampled_from(list(UNARY)), inner),
        st.tuples(st.sampled_from(["+", "*", "*", "/"]), inner, inner),
        st.tuples(st.just("where"), tests, inner, inner),
        st.tuples(st.sampled_from(["maximum", "minimum"]), inner, inner),
        st.tuples(st.just("relu"), inner), st.tuples(st.just("clip"), inner))


trees = st.recursive(leaves, grown, max_leaves=6)


def tensor(tree: Tree, x: sg.Tensor, s: sg.Tensor) -> Any:
    """The formula of tensors."""
    head, *parts = tree
    if head in ("x", "s"):
        return x if head == "x" else s
    if head == "number":
        return parts[0]
    if head == "where":
        (name, *test), a, b = parts
        if name == "between":
            condition = sg.logical_and(x > test[0], x < test[1])
        else:
            condition = x > test[1] if name == "x" else s < test[1]
        return sg.where(condition, tensor(a, x, s), tensor(b, x, s))
    args = [sg.constant(a) if isinstance(a, (int, float)) else a for a in (tensor(p, x, s) for p in parts)]
    if head in "+*/":
        return {"+": lambda a, b: a + b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}[head](*args)
    if head == "reciprocal":
        return 1 / args[0]
    return sg.clip(args[0], 0.1, 2.0) if head == "clip" else getattr(sg, head)(*args)


def judged(tree: Tree, x: Any, s: Any) -> Seen:
    """The formula of two numbers; ties and what has no real value are not tame."""
    head, *parts = tree
    if head in ("x", "s", "number"):
        return Seen({"x": x, "s": s}.get(head, mpmath.mpf(parts[0] if parts else 0)), True)
    if head == "where":
        (name, *test), a, b = parts
        holds = test[0] < x < test[1] if name == "between" else x > test[1] if name == "x" else s < test[1]
        return judged(a if holds else b, x, s)
    seen = [judged(p, x, s) for p in parts]
    values = [v.value for v in seen]
    if any(mpmath.isnan(v) for v in values):
        return Seen(mpmath.nan, False)
    if head in ("maximum", "minimum", "relu", "clip"):
        rivals = {"relu": [mpmath.mpf(0)], "clip": [mpmath.mpf("0.1"), mpmath.mpf(2)]}.get(head, values[1:])
        pick = {"minimum": min, "clip": lambda v: sorted(v)[1]}.get(head, max)
        best = pick([values[0], *rivals])
        tied = any(abs(r - values[0]) < mpmath.mpf("1e-9") * (1 + abs(r)) for r in rivals)
        chosen = next((each for each in seen if each.value == best), Seen(best, True))
        return Seen(best, chosen.tame and not tied)
    domain = {"log": values[0] > 0, "sqrt": values[0] > 0, "reciprocal": values[0] != 0,
              "/": values[-1] != 0}.get(head, True)
    if not domain:
        return Seen(mpmath.nan, False)
    rules = {"+": lambda a, b: a + b, "*": lambda a, b: a * b, "/": lambda a, b: a / b, **UNARY}
    value = rules[head](*values)
    tame = all(each.tame for each in seen) and (value == 0 or mpmath.mpf("1e-60") < abs(value) < mpmath.mpf("1e60"))
    return Seen(value, tame)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_not_taken_contributes_nothing(data: Any) -> None:
    """where(mask, a formula with choices of its own, 0), rubbish in what the mask leaves out."""
    masked(data, "numpy")


@settings(max_examples=8, deadline=None)
@given(data=st.data())
def test_what_is_not_taken_contributes_nothing_in_c(data: Any) -> None:
    """The same in C."""
    masked(data, "c")


def masked(data: Any, backend: str) -> None:
    """Value, gradients and a product with the Hessian, together and each alone."""
    tree = data.draw(trees)
    shape = data.draw(st.sampled_from(SHAPES))
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=12, max_size=12))).reshape(3, 4)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    xs = np.where(mask, rng.uniform(0.05, 2, (3, 4)), rng.choice(RUBBISH, (3, 4)))
    used = np.broadcast_to(np.zeros(shape), (3, 4)) + mask
    axes = tuple(i for i, n in enumerate((1,) * (2 - len(shape)) + shape) if n == 1)
    used = used.any(axis=axes).reshape(shape)
    ss = np.where(used, rng.uniform(0.05, 2, shape), rng.choice(RUBBISH, shape))
    wide = np.broadcast_to(ss, (3, 4))
    places = list(zip(*np.nonzero(mask), strict=True))
    seen = {place: judged(tree, mpmath.mpf(xs[place]), mpmath.mpf(wide[place])) for place in places}
    assume(all(each.tame for each in seen.values()))
    x, s, m = sg.data("x", (3, 4)), sg.data("s", shape), sg.data("m", (3, 4), dtype="boolean")
    v = sg.data("v", (3, 4))
    loss = sg.sum(sg.where(m, tensor(tree, x, s), 0))
    outputs = {"value": loss, "x": sg.gradient(loss, x), "s": sg.gradient(loss, s), "hvp": sg.hvp(loss, x, v)}
    vs = rng.normal(size=(3, 4))
    given = {"x": xs, "s": ss, "m": mask, "v": vs}
    right = {"value": 0.0, "x": np.zeros((3, 4)), "s": np.zeros((3, 4)), "hvp": np.zeros((3, 4))}
    with mpmath.workdps(50):
        for place, each in seen.items():
            at = mpmath.mpf(xs[place]), mpmath.mpf(wide[place])
            right["value"] += float(each.value)
            for name, order in (("x", (1, 0)), ("s", (0, 1)), ("hvp", (2, 0))):
                slope = mpmath.diff(lambda a, b: judged(tree, a, b).value, at, order, h=mpmath.mpf("1e-20"))
                right[name][place] = float(slope) * (vs[place] if name == "hvp" else 1)
    right["s"] = right["s"].sum(axis=axes).reshape(shape)
    together = sg.function([x, s, m, v], outputs, backend=backend)(**given)
    for name, formula in outputs.items():
        alone = sg.function([x, s, m, v], formula, backend=backend)(**given)
        for got in (alone, together[name]):
            np.testing.assert_allclose(got, right[name], rtol=1e-6, atol=1e-9 * (1 + np.abs(right[name]).max()),
                                       err_msg=f"{name} of {tree}: {formula}")


def test_a_mask_lost_to_fewer_axes() -> None:
    """The factor of a masked product has fewer axes than the mask."""
    r, d = sg.data("r", 3), sg.data("d")
    g = sg.gradient(sg.sum(sg.where(r > 0, r / d, 0)), r)
    assert str(g) == "[r > 0]/d"
    np.testing.assert_array_equal(g.eval(r=[-1.0, 1.0, 0.0], d=2.0), [0, 0.5, 0])


def test_rows_that_are_left_out_may_hold_anything() -> None:
    """Masked regression: neither targets nor features of a sample that is absent count."""
    x, y, w = sg.data("X", (4, 2)), sg.data("y", 4), sg.data("w", 2)
    m = sg.data("m", 4, dtype="boolean")
    loss = sg.sum(sg.where(m, (y - x @ w) ** 2, 0))
    given = {"X": np.array([[1.0, 2], [np.nan, 1], [3, 1], [np.inf, np.nan]]), "y": np.array([1.0, 2, np.nan, np.inf]),
             "w": np.array([0.5, -1]), "m": np.array([True, False, False, False])}
    assert str(sg.gradient(loss, w)) == "-2 Xᵀ (m ⊙ (y - X w))"
    np.testing.assert_allclose(sg.gradient(loss, w).eval(**given), [-5.0, -10.0])
    np.testing.assert_allclose(sg.hessian(loss, w).eval(X=given["X"], m=given["m"]), [[2, 4], [4, 8]])


@pytest.mark.parametrize(("spelled", "right"), [
    (lambda x: sg.sum(sg.sqrt(x)[1:]), [0, 0.5, 0.25]),
    (lambda x: sg.sqrt(x)[2] ** 3, [0, 0, 3]),
    (lambda x: sg.sum((x ** 2)[np.array([1, 2, 2])]), [0, 2, 16]),
    (lambda x: sg.sum(sg.log(x)[sg.arange(2) + 1]), [0, 1, 0.25]),
    (lambda x: sg.sum(sg.cumsum(sg.sqrt(sg.flip(x)))[:2]), [0, 0.5, 0.5]),
    (lambda x: sg.sum(sg.concatenate([x ** 2, 1 / x])[np.array([1, 5])]), [0, 2, -1 / 16]),
])
def test_entries_that_no_index_takes(spelled: Any, right: list[float]) -> None:
    """Slices and indices select, through what is computed of entries, moved and summed along an axis."""
    x = sg.data("x", 3)
    for first in (0.0, np.nan, np.inf, -1.0):
        np.testing.assert_allclose(sg.gradient(spelled(x), x).eval(x=[first, 1.0, 4.0]), right)


@given(seen=st.lists(st.lists(st.booleans(), min_size=4, max_size=4), min_size=3, max_size=3), turned=st.booleans())
@settings(max_examples=25, deadline=None)
def test_keys_that_nobody_sees_may_hold_anything(seen: list[list[bool]], turned: bool) -> None:
    """Whether one is left out is read from the numbers of a mask where these are known: then no program asks for it."""
    mask = np.array(seen)
    q, k = sg.data("q", (3, 2)), sg.data("k", (4, 2))
    known = sg.logical_not(sg.constant(~mask)) if turned else sg.constant(mask)
    f = sg.function([q, k], sg.gradient(sg.sum(sg.where(known, q @ k.T, 0) ** 2), [q, k]))
    values = [np.arange(1.0, 7).reshape(3, 2), np.arange(2.0, 10).reshape(4, 2)]
    scores = np.where(mask, values[0] @ values[1].T, 0)
    wanted = [2 * scores @ values[1], 2 * scores.T @ values[0]]
    for array, axis in zip(values, (1, 0), strict=True):
        array[~mask.any(axis=axis)] = np.nan
    for got, right in zip(f(*values), wanted, strict=True):
        np.testing.assert_allclose(got, right)
    assert (".max(" not in str(f.source)) == (mask.any(axis=0).all() and mask.any(axis=1).all())


def test_a_causal_mask_leaves_no_key_out() -> None:
    """Of equally many queries and keys each has one, and is one's; of fewer queries the last keys have none."""
    n, x = sg.dim("n"), sg.data("x", 2)
    for queries, keys, lost in ((n, n, 0), (4, 4, 0), (2, 4, 2)):
        q, k, v = sg.data("q", (queries, 2)), sg.data("k", (keys, 2)), sg.data("v", (keys, 2))
        f = sg.function([q, k, v, x], sg.gradient(sg.sum(sg.attention(q, k, v, is_causal=True) @ x), [q, k]))
        assert ("mask.max(" in str(f.source)) == bool(lost)
        q_, k_, v_ = (np.random.default_rng(i).standard_normal((size, 2)) for i, size in enumerate((4 - lost, 4, 4)))
        right = f(q_, k_, v_, np.ones(2))
        k_[4 - lost:] = np.nan
        for got, wanted in zip(f(q_, k_, v_, np.ones(2)), right, strict=True):
            np.testing.assert_allclose(got, wanted)
