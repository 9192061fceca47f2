"""Symbols: sizes, data, labels, parameters, constants; what makes two of them one, and what Python may not do with them."""

import copy
import gc
import pickle

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

n, d, k, T, S = sg.dims("n d k T S")


def refused(call, *words, error=sg.SymgradError):
    with pytest.raises(error) as caught:
        call()
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


# sizes

def test_sizes_are_positive_integer_symbols():
    assert sg.dims("n d k T S") == (n, d, k, T, S) and sg.dims("n") == (n,) and sg.dims("n, d,k") == (n, d, k)
    assert isinstance(sg.dims("n"), tuple) and sg.dim("n") is n is sg.dim(" n ")
    assert n.is_integer and n.is_positive and isinstance(n, sp.Symbol)
    refused(lambda: sg.dim("n d"), "dim", "'n d'", "sg.dims")
    for wrong in ("", "  ", 3, None, ["n"]):
        refused(lambda w=wrong: sg.dim(w), "dim", repr(wrong))
        refused(lambda w=wrong: sg.dims(w), "dims", repr(wrong))


@pytest.mark.parametrize("make", [lambda s: sg.data("x", s), lambda s: sg.parameter("w", s), sg.zeros, sg.ones,
                                  lambda s: sg.full(s, 2), lambda s: sg.labels("y", 3, shape=s)])
def test_a_shape_is_a_tuple_or_one_size(make):
    for shape, full in ((3, (3,)), (n, (n,)), ((), ()), ((2, n), (2, n)), ([n, d], (n, d)), (np.int64(3), (3,)),
                        (sp.Integer(3), (3,)), (n + 1, (n + 1,)), ((2 * n, n * d), (2 * n, d * n)), (0, (0,))):
        t = make(shape)
        assert t.shape == full and t.ndim == len(full) and all(isinstance(s, (int, sp.Expr)) for s in t.shape)
    for wrong in (-1, 2.0, "n", None, True, (n, -2), sp.Rational(1, 2), 1j):
        with pytest.raises(sg.ShapeError, match="size"):
            make(wrong)


# what a symbol declares

def test_data():
    x = sg.data("x", (n, 3), over=T)
    assert (x.name, x.shape, x.ndim, x.over, x.dtype) == ("x", (n, 3), 2, T, "real")
    assert sg.data("x").shape == () and sg.data("x").over is None and sg.data("x", over=5).over == 5
    assert [sg.data("x", dtype=t).dtype for t in ("real", "integer", "boolean")] == ["real", "integer", "boolean"]
    for wrong in ("float32", float, None, "int"):
        refused(lambda w=wrong: sg.data("x", dtype=w), "data 'x'", "'real', 'integer' or 'boolean'")
    for wrong in (3, "", " ", None):
        refused(lambda w=wrong: sg.data(w), "data", "name", repr(wrong))
    refused(lambda: sg.data("x", (T, 2), over=T), "data 'x'", "T is the sample axis", error=sg.ShapeError)
    refused(lambda: sg.data("x", over=(2, 3)), "data 'x', over", "one size", "(2, 3)", error=sg.ShapeError)
    refused(lambda: sg.data("x", over="T"), "data 'x', over", "'T'", error=sg.ShapeError)
    assert sg.data("x", (2, 3), over=2).shape == (2, 3), "an int sample axis beside an ordinary one of that size"


def test_labels():
    y = sg.labels("y", classes=k, over=T)
    assert (y.dtype, y.shape, y.over) == ("integer", (), T)
    assert sg.labels("y", 3, shape=n).shape == (n,)
    for wrong in (-1, 2.5, "k", True, None, (2, 3)):
        refused(lambda w=wrong: sg.labels("y", w), "labels 'y'", "classes", error=sg.ShapeError)


def test_parameters():
    assert sg.parameter("w", (n, 3)).over is None and sg.parameter("w").shape == ()
    for init in (None, 2, 2.5, np.float32(1), np.ones(3), [1, 2, 3], "zeros", "ones", "normal", "glorot_uniform",
                 "glorot_normal", "he_uniform", "he_normal"):
        assert sg.parameter("w", 3, init=init).shape == (3,)
    assert sg.parameter("w", n, init=np.ones(4)).shape == (n,), "a symbolic size may take any length"
    refused(lambda: sg.parameter("w", 3, init="xavier"), "parameter 'w'", "'xavier'", "glorot_uniform", "a number, an array")
    refused(lambda: sg.parameter("w", 3, init=np.ones(4)), "parameter 'w'", "(3,)", "(4,)", error=sg.ShapeError)
    refused(lambda: sg.parameter("w", (2, 3), init=np.ones((3, 2))), "(2, 3)", "(3, 2)", error=sg.ShapeError)
    for wrong in (1j, [1, "a"], [[1], [2, 3]], sg.data("x", 3), object()):
        refused(lambda w=wrong: sg.parameter("w", 3, init=w), "parameter 'w'", "number, an array or a name")


def test_an_init_array_is_copied():
    start = np.ones(3)
    w = sg.parameter("w", 3, init=start)
    start[0] = 7
    assert w == sg.parameter("w", 3, init=np.ones(3)) != sg.parameter("w", 3, init=start)


def test_facts():
    A = sg.data("A", (n, n), symmetric=True, positive_definite=True)
    assert A != sg.data("A", (n, n), symmetric=True) != sg.data("A", (n, n))
    assert sg.data("A", (n, n), symmetric=False) is sg.data("A", (n, n))
    for fact in ("symmetric", "positive_definite", "orthogonal", "diagonal", "lower_triangular"):
        assert sg.parameter("A", (4, n, n), **{fact: True}).shape == (4, n, n)
        refused(lambda f=fact: sg.data("A", (n, d), **{f: True}), "data 'A'", fact, "square", "(n, d)", error=sg.ShapeError)
        refused(lambda f=fact: sg.data("A", 3, **{f: True}), fact, "(3,)", error=sg.ShapeError)
    assert sg.data("p", 3, simplex=True, nonnegative=True).shape == (3,)
    refused(lambda: sg.data("p", simplex=True), "simplex", "scalar", error=sg.ShapeError)
    refused(lambda: sg.data("A", (2, 2), symetric=True), "data 'A'", "'symetric'", "symmetric", error=TypeError)
    refused(lambda: sg.data("A", (2, 2), symmetric=1), "symmetric", "True or False", error=TypeError)
    refused(lambda: sg.parameter("w", 3, over=T), "'over' is not a known fact", error=TypeError)


@pytest.mark.parametrize("dtype", ["real", "integer", "boolean"])
def test_facts_are_checked_on_every_kind_of_number(dtype):
    P = sg.data("P", (2, 2), dtype=dtype, symmetric=True)
    f = sg.function([P], sg.sum(P))
    kind = {"real": float, "integer": int, "boolean": bool}[dtype]
    assert f(np.ones((2, 2), kind)) == 4
    refused(lambda: f(np.array([[1, 1], [0, 1]], kind)), "P is declared symmetric", error=sg.DataError)


def test_constants():
    assert sg.constant(2.5).shape == () and sg.constant([[1, 2]]).shape == (1, 2) and sg.constant(n).shape == ()
    assert [sg.constant(v).dtype for v in (np.ones(2), np.ones(2, int), np.ones(2, bool))] == ["real", "integer", "boolean"]
    c = sg.constant(np.arange(3.0), name="c")
    assert c.name == "c" and str(c + sg.data("x", 3)) == "c + x" and sg.constant(c) is c
    assert sg.constant(2.5, name="half").name == "half"
    x = sg.data("x", 3)
    assert x + [1.0, 2.0, 3.0] == x + np.array([1.0, 2.0, 3.0]) == x + sg.constant([1.0, 2.0, 3.0])
    for wrong in ("a", None, 1j, {1: 2}, object(), np.array(["a"]), np.array([1j]), [1, [2]], [x, x]):
        with pytest.raises(TypeError):
            sg.constant(wrong)
        with pytest.raises(TypeError):
            x + wrong
    for name in ("", 3):
        refused(lambda m=name: sg.constant([1, 2], name=m), "constant", "name", repr(name))
    array = np.ones(2)
    held = sg.constant(array)
    array[0] = 5
    assert held.eval().tolist() == [1, 1]


def test_named():
    x = sg.data("x", 3)
    h = sg.tanh(x).named("h")
    assert h.name == "h" and str(h * 2) == "2 h" and (x * 2).name is None and h != sg.tanh(x)
    np.testing.assert_array_equal(h.eval(x=[1, 2, 3]), np.tanh([1, 2, 3]))
    for wrong in ("", " ", 3, None):
        refused(lambda w=wrong: x.named(w), "named", repr(wrong))


# identity

def test_equal_symbols_are_one_object():
    assert sg.data("x", (n, 3), over=T) is sg.data("x", (n, 3), over=T)
    different = [sg.data("x"), sg.data("y"), sg.data("x", 3), sg.data("x", n), sg.data("x", over=T), sg.data("x", over=S),
                 sg.data("x", dtype="integer"), sg.data("x", nonnegative=True), sg.parameter("x"), sg.parameter("x", init=1),
                 sg.parameter("x", init="ones"), sg.labels("x", 3), sg.labels("x", 4), sg.constant(1.0, name="x")]
    assert len(set(different)) == len(different)


def test_equality_is_structural_and_cheap():
    x, W = sg.data("x", d), sg.parameter("W", (k, d))
    a, b = sg.tanh(W @ x) + 1, sg.tanh(W @ x) + 1
    assert a is b and a == b and hash(a) == hash(b) and len({a, b}) == 1
    assert a != sg.tanh(W @ x) and a != 3 and a is not None and a != "a"
    assert x.T is x and W.T.T is W and x + 0 is x
    assert (x - x == sg.zeros(d)) and isinstance(sg.equal(x, x), sg.Tensor)


def test_identity_survives_pickle_copy_and_garbage_collection():
    x = sg.data("x", d, over=T)
    t = sg.empirical_risk(sg.sum(sg.tanh(sg.parameter("W", (k, d)) @ x) ** 2))
    assert pickle.loads(pickle.dumps(t)) is t and copy.copy(t) is t and copy.deepcopy(t) is t
    assert pickle.loads(pickle.dumps({"a": [t, x]})) == {"a": [t, x]}
    key = hash(t)
    text = str(t)
    del t
    gc.collect()
    again = sg.empirical_risk(sg.sum(sg.tanh(sg.parameter("W", (k, d)) @ x) ** 2))
    assert hash(again) == key and str(again) == text


def test_layers_are_owners():
    first, second = sg.nn.Linear(5, 5), sg.nn.Linear(5, 5)
    assert first.W != second.W and first.W.name == second.W.name == "W" and first.W != sg.parameter("W", (5, 5))
    x = sg.data("x", 5)
    names = sg.function([x, *first.parameters(), *second.parameters()], second(first(x))).inputs
    assert names == ("x", "W1", "b1", "W2", "b2")


TWINS = {
    "shapes": (sg.data("x", 3), sg.data("x", (2, 3)), "data of shape (3,)", "data of shape (2, 3)"),
    "kinds": (sg.data("x", 3), sg.parameter("x", 3), "data of shape (3,)", "parameter of shape (3,)"),
    "facts": (sg.data("x", 3), sg.data("x", 3, nonnegative=True), "data of shape (3,)", "nonnegative"),
    "dtypes": (sg.data("x", 3), sg.data("x", 3, dtype="integer"), "data of shape (3,)", "integer data of shape (3,)"),
    "samples": (sg.data("x", 3), sg.data("x", 3, over=T), "data of shape (3,)", "over T"),
    "inits": (sg.parameter("x", 3), sg.parameter("x", 3, init="ones"), "parameter of shape (3,)", "init ones"),
    "numbers": (sg.parameter("x", 3, init=2.0), sg.parameter("x", 3, init=np.ones(3)), "init 2.0", "init an array"),
    "classes": (sg.labels("x", 3), sg.labels("x", 4), "3 classes", "4 classes"),
}
USES = {
    "function": lambda a, b: sg.function([a, b], [a, b]),
    "eval": lambda a, b: (sg.sum(a) + sg.sum(b)).eval(x=1),
    "Model": lambda a, b: sg.Model(sg.sum(a * 1.0) + sg.sum(b * 1.0) * sg.parameter("w") if a.over == b.over
                                   else sg.sum(a * 1.0) + sg.sum(sg.mean(b, over=T))),
    "graph": lambda a, b: sg.graph(sg.sum(a) + sg.sum(b)),
    "derive": lambda a, b: sg.derive(sg.sum(a * 1.0) * sg.sum(sg.parameter("w")) + (
        sg.sum(b * 1.0) if b.over is None else sg.sum(sg.mean(b, over=T)))),
    "draw": lambda a, b: sg.draw(sg.sum(a) + sg.sum(b)),
    "generate": lambda a, b: sg.generate(sg.sum(a * 1.0) * sg.sum(sg.parameter("w")) + (
        sg.sum(b * 1.0) if b.over is None else sg.sum(sg.mean(b, over=T)))),
}


@pytest.mark.parametrize("twins", TWINS)
@pytest.mark.parametrize("use", USES)
def test_two_symbols_of_one_name_in_one_graph_are_shown(use, twins):
    a, b, *words = TWINS[twins]
    refused(lambda: USES[use](a, b), "two different symbols are called 'x'", *words)


# what Python must not do

def test_a_tensor_has_no_truth_value_no_items_and_no_numbers():
    x, c, V = sg.data("x", 3), sg.data("c"), sg.data("V", (n, 3))
    for call, hint in ((lambda: bool(x), "sg.where"), (lambda: x and x, "sg.equal"), (lambda: 0 < c < 1, "sg.logical_and"),
                       (lambda: list(x), "t[0]"), (lambda: [*x], "sg.split"), (lambda: sum(x), "iterated"),
                       (lambda: np.asarray(x), "t.eval"), (lambda: np.array([x, x]), "sg.function"),
                       (lambda: float(c), "t.eval"), (lambda: int(c), "sg.function"), (lambda: range(c), "t.eval"),
                       (lambda: complex(c), "t.eval"), (lambda: 1 in x, "sg.equal"), (lambda: len(c), "scalar"),
                       (lambda: len(V), "t.shape[0]")):
        with pytest.raises(TypeError, match=hint.replace("[", r"\[").replace(".", r"\.")):
            call()
    assert len(x) == 3


def test_a_tensor_is_immutable():
    x = sg.data("x", 3)
    for change in (lambda: setattr(x, "over", T), lambda: setattr(x, "shape", 4), lambda: setattr(x, "mine", 1),
                   lambda: delattr(x, "node")):
        with pytest.raises(AttributeError, match="immutable"):
            change()
    with pytest.raises(TypeError):
        x[0] = 1
