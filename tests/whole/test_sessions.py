"""What a program gives follows from the program: not from what the session did before, nor from what else is asked for."""

import gc
import json
import pickle
import subprocess
import sys

import pytest
from places import ROOT
from sessions import FIXED, drawn

import symgrad as sg
from symgrad.computing.functions import _evaluators
from symgrad.graphs.node import _table
from symgrad.language.recipes import _written


def test_programs_alone_and_in_any_order_give_the_same():
    done = subprocess.run([sys.executable, str(ROOT / "tests" / "support" / "sessions.py"), "0", "2"],
                          capture_output=True, text=True, timeout=900, check=True)
    assert json.loads(done.stdout) == []


def test_the_drawn_programs_are_many():
    assert sum(len(drawn(seed)([])) > 1 for seed in range(12)) >= 10 and len(FIXED) >= 15


def test_one_text_of_a_gradient_whatever_was_derived_before():
    x = sg.data("x", 3)
    y = sg.sum(sg.sigmoid(x) * (1 - sg.sigmoid(x)))
    alone = str(sg.gradient(y, x))
    keep = sg.gradient(sg.sum(sg.sigmoid(x)), x)
    assert str(sg.gradient(y, x)) == alone and keep.node in {n["tensor"].node for _, n in sg.graph(y).nodes(data=True)}


def test_a_tensor_that_equals_a_gradient_is_drawn_as_what_it_is():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    y = w @ x
    plain = "The output x = x stands alone."
    assert plain in sg.draw([y, x]).alt
    g = sg.gradient(y, w)
    other = sg.gradient(w @ x + sg.sum(x), w)
    assert g == x == other and plain in sg.draw([y, x]).alt
    assert "Backward, step by step: G_w = x." in sg.draw([y, g]).alt and "G_w = x" in sg.draw([y, g]).alt
    assert {d["kind"] for _, d in sg.graph(y, x).nodes(data=True)} == {"data", "parameter", "loss"}


def test_the_first_way_to_write_a_tensor_is_not_the_way_of_the_others():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    q = 2 * sg.diag(x)
    down, across = sg.sum(w * sg.sum(q, axis=0)), sg.sum(w * sg.sum(q, axis=1))
    assert down == across
    v = [1.0, 2.0, 3.0]
    assert (sg.gradient(down, q).eval(w=v) == [v, v, v]).all()
    assert (sg.gradient(across, q).eval(w=v).T == [v, v, v]).all()


@pytest.mark.parametrize("ask", [lambda y, x, a: (sg.gradient(y, x), sg.gradient(y, [a, x])[1]), lambda y, x, a: (sg.gradient(y, a), sg.gradient(y, [x, a])[1])])
def test_a_gradient_does_not_depend_on_what_else_is_asked_for(ask):
    """Beside an intermediate, which stays as it is, the others are still those of the stable form."""
    x = sg.data("x", 3)
    p = sg.exp(x) / sg.sum(sg.exp(x))
    alone, beside = ask(-sg.log(p)[0], x, p)
    assert alone == beside and str(alone) == str(beside)


def test_derivatives_of_what_declared_facts_made_constant():
    """The entries of a simplex sum to one, but vary one by one where it is differentiated again."""
    p = sg.data("p", 3, simplex=True)
    g = sg.gradient(sg.sum(p) ** 2 / 2, p)
    at = {"p": [0.2, 0.3, 0.5]}
    assert (g.eval(**at) == [1, 1, 1]).all()
    assert (sg.jacobian(g, p).eval(**at) == 1).all() and (sg.hessian(sg.sum(p) ** 2 / 2, p).eval(**at) == 1).all()


def test_a_pickled_gradient_is_the_gradient_again():
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    y = sg.sum(sg.sigmoid(w * x))
    g = sg.gradient(y, w)
    assert pickle.loads(pickle.dumps(g)) is g
    code = ("import pickle, sys, symgrad as sg; g = pickle.load(sys.stdin.buffer); y, w = g.recipe.args; "
            "print(g, sg.jacobian(g, w), sg.draw([y, g]).alt, sg.function([sg.data('x', 3), w], g).source)")
    told = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(g), capture_output=True, check=True, timeout=300).stdout.decode()
    assert told == f"{g} {sg.jacobian(g, w)} {sg.draw([y, g]).alt} {sg.function([x, w], g).source}\n"


def test_a_function_without_a_name_is_no_obstacle_to_pickling():
    x = sg.data("x", 3)
    t = 2 * sg.elementwise(lambda a: a**2 + 1, x)
    assert pickle.loads(pickle.dumps(t)) == t and pickle.loads(pickle.dumps([sg.gradient(sg.sum(t), x)]))[0] == 4 * x


def test_every_operation_comes_back_as_it_was_written():
    x, X = sg.data("x", 3), sg.data("X", (3, 3))
    for t in (sg.softmax(x), sg.mean(X, axis=0), sg.max(x), sg.logsumexp(X, axis=1), sg.argmax(x), sg.cumsum(x), sg.det(X), X[0, 1:], X.T @ x,
              sg.einsum("ij,j->i", X, x), sg.concatenate([x, x]), sg.where(x > 0, x, 0), sg.var(x), sg.prod(x), x.named("h"), sg.one_hot(sg.argmax(x), 3)):
        assert pickle.loads(pickle.dumps(t)) is t and t.recipe is not None


def test_what_is_not_held_is_forgotten():
    gc.collect()
    before = len(_table), len(_written), len(_evaluators)
    x = sg.data("forgotten", 3)
    y = sg.sum(sg.exp(x) * x)
    g = sg.gradient(y, x)
    assert [float(v) for v in g.eval(forgotten=[0.0, 0, 0])] == [1, 1, 1]
    sg.simplify(sg.hessian(y, x)).eval(forgotten=[0.0, 0, 0])
    assert len(_evaluators) > before[2]
    del x, y, g
    gc.collect()
    after = len(_table), len(_written), len(_evaluators)
    assert all(a <= b for a, b in zip(after, before, strict=True))
