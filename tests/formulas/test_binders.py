"""A letter of an index means one thing in a formula: no sum, maximum or list of entries binds one that is in use."""

import courses
import derived
import numpy as np
import pytest
from binders import clashes, trees
from expressions import PROGRAMS, SETTINGS, grown
from hypothesis import given, settings

import symgrad as sg
from symgrad.formulas.spelling.tree import Tree, big, name, product

T = sg.dim("T")
t, s = name("t"), name("s")


def at(base, *below):
    return name(base, list(below))


@pytest.mark.parametrize("tree, found", [
    (big([t], product([at("x", t)], [Tree("big", ("sum", (t,), at("y", t)))])), ["t is bound within its own scope"]),
    (product([at("x", t)], [big([t], at("y", t))]), ["t is free and bound"]),
    (big([t], product([at("x", t)], [big([s], at("y", s))])), []),
    (product([big([t], at("x", t))], [big([t], at("y", t))]), []),
    (Tree("entries", (big([t], at("x", t)), (t,))), ["t is bound within its own scope"]),
])
def test_what_a_clash_is(tree, found):
    assert clashes(tree) == found


def assert_clear(found):
    wrong = [(text, where) for tree, text in found if (where := clashes(tree))]
    assert found and not wrong, wrong


@pytest.mark.parametrize("name", [*derived.MODELS, *courses.NETWORKS])
def test_derivations_bind_each_letter_once(name):
    with trees() as found:
        loss, wrt = derived.MODELS[name]() if name in derived.MODELS else (courses.NETWORKS[name](), None)
        str(sg.derive(loss, wrt))
    assert_clear(found)


@given(PROGRAMS, SETTINGS)
@settings(max_examples=25)
def test_random_formulas_bind_each_letter_once(program, setting):
    tensor, variables, _ = grown(program, setting)
    scalar = sg.sum(tensor) if tensor.over is None else sg.empirical_risk(sg.sum(tensor))
    with trees() as found:
        str(tensor), str(scalar), [str(sg.gradient(scalar, x)) for x in variables[:2]]
    assert_clear(found)


def test_rows_of_a_table_that_many_places_of_each_sample_choose():
    """The gradient of one sample sums over no other: what is scattered for each sample belongs to that sample."""
    x, y = sg.labels("x", classes=7, over=T, shape=4), sg.data("y", (4, 3), over=T)
    E = sg.parameter("E", (7, 3))
    derivation = sg.derive(sg.empirical_risk(sg.sum((sg.tanh(E[x]) @ (E.T @ E) - y) ** 2)), E)
    (step,) = [s for s in derivation.steps if s.name == "G_{E}"]
    assert "onehot(x)ᵀ" in step.formula and "∑_" not in step.formula
    assert derivation.check()


def test_a_sum_above_a_fraction_ends_where_the_fraction_does():
    x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
    text = str(2 * sg.sum(x @ w, over=T) / sg.sqrt(sg.sum(sg.sum(x**2), over=T)))
    assert text == "(2 ∑_t wᵀ x_t)/√(∑_t ‖x_t‖²)"
    at_point = {"x": np.ones((2, 3)), "w": np.ones(3)}
    assert np.isclose((sg.sum(x @ w, over=T) / sg.sqrt(sg.sum(sg.sum(x**2), over=T))).eval(**at_point), 6 / np.sqrt(6))
