"""Nodes: equal content is one object, in this session and in any other; nothing recurses; nothing leaks."""

import copy
import gc
import pickle
import subprocess
import sys
import weakref

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.algebra.primitives import add, elementwise, input_node
from symgrad.graphs.node import (
    Array,
    Symbol,
    _table,
    consumers,
    depends,
    make,
    new_owner,
    order,
    topological,
    transform,
)
from symgrad.graphs.table import rebuild

# A model with shared parts, layers that tie but for their owners, constants, sizes, every kind of attribute.
MODEL = '''
import numpy as np, sympy as sp, symgrad as sg
from symgrad.graphs.node import topological
for _ in range({before}):  # another history of the session
    sg.nn.Linear(3, 3); sg.parameter("junk", 7); sg.exp(sg.data("more", sg.dim("m")))
n = sg.dim("n")
x = sg.data("x", 3, over=sg.dim("T"))
first, left, right = (sg.nn.Linear(3, 3) for _ in range(3))
h = sg.tanh(first(x))
y = sg.sum(left(h) * right(h)) * sg.sum(right(h) * sg.sin(left(h)))
c = sg.constant(np.arange(3.0), name="c")
w = sg.parameter("w", 3, init=[1, 2, 3], nonnegative=True)
L = sg.mean(y + c @ w * 0.1 + w[1] / n + sg.max(w) + sg.labels("k", 3), over=sg.dim("T"))
g = sg.gradient(L, [w, left.W])
'''
SHOW = '''
for t in (L, *g):
    print([(node.op, node.rank.hex(), [o.rank.hex() for o in node.operands]) for node in topological([t.node])])
    print(str(t))
'''


def session(code, seed):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"})
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_content_decides_in_every_session():
    outputs = {session(MODEL.format(before=before) + SHOW, seed) for before, seed in ((0, "0"), (0, "7"), (5, "1"))}
    assert len(outputs) == 1


def test_same_content_is_one_object():
    x = sg.data("x", (2, 3))
    for make_one in (lambda: x @ x.T, lambda: sg.exp(x) + 1, lambda: x[1:, ::-1], lambda: sg.sum(x, axis=0),
                     lambda: sg.constant([1.0, 2.0], name="c"), lambda: x.named("a"), lambda: sg.gradient(sg.sum(x**3), x)):
        assert make_one() is make_one()
        assert make_one() == make_one() and hash(make_one()) == hash(make_one())
    assert sg.data("x", (2, 3)) is x
    assert x.T.T is x and x + 0 is x and x * 1 is x and -(-x) is x and sg.reshape(x, (2, 3)) is x


def test_two_writings_of_one_node_are_equal():
    x = sg.data("x", 3)
    a, b = 2 * sg.sum(x), sg.sum(2 * x)
    assert a == b and hash(a) == hash(b) and a.node is b.node and len({a, b}) == 1
    assert a is 2 * sg.sum(x) and b is sg.sum(2 * x), "each is one object"
    assert sg.gradient(sg.sum(x**3), x) == 3 * x**2 and x != sg.data("x", 3, over=3) and x != "x"


@pytest.mark.parametrize("other", [
    lambda: sg.data("z", 3), lambda: sg.data("x", 4), lambda: sg.data("x", (3, 1)), lambda: sg.parameter("x", 3),
    lambda: sg.data("x", 3, dtype="integer"), lambda: sg.data("x", 3, over=5), lambda: sg.data("x", 3, nonnegative=True),
    lambda: sg.labels("x", 3, shape=3), lambda: sg.labels("x", 4, shape=3), lambda: sg.parameter("x", 3, init="ones"),
    lambda: sg.parameter("x", 3, init=1.0), lambda: sg.parameter("x", 3, init=[1, 2, 3]),
    lambda: sg.nn.Linear(1, 3, name="").b, lambda: sg.data("x", sg.dim("x")), lambda: sg.data("x", 3).named("x"),
])
def test_a_symbol_is_everything_it_declares(other):
    x = sg.data("x", 3)
    assert other() is not x and other() != x
    assert other().node.key != x.node.key


def test_initial_values_of_one_text_but_two_shapes_differ():
    n, m = sg.dims("n m")
    flat = np.arange(6.0)
    assert sg.parameter("p", (n, m), flat.reshape(2, 3)) is not sg.parameter("p", (n, m), flat.reshape(3, 2))
    assert sg.constant(flat.astype("f4")) is not sg.constant(flat)


def test_layers_of_one_shape_never_tie_and_keep_their_order():
    layers = [sg.nn.Linear(3, 3) for _ in range(4)]
    nodes = [layer.W.node for layer in layers]
    assert len({node.key for node in nodes}) == 4 and len({node.rank for node in nodes}) == 1
    assert sorted(nodes[::-1], key=order) == nodes
    x = sg.tanh(layers[0](sg.data("x", 3)))
    heads = [sg.sum(layer(x)).node for layer in layers[1:]]
    assert sorted(heads[::-1], key=order) == heads, "the smallest owner below is the same: the next decides"


def test_owned_and_free_symbols_of_one_name_are_ordered():
    free = input_node(Symbol("parameter", "W"), (), "real")
    owned = input_node(Symbol("parameter", "W", owner=new_owner()), (), "real")
    assert sorted([owned, free], key=order) == [free, owned]


def test_attributes_are_never_confused():
    a = Array("d", "None"), Array("d", None)
    assert make("constant", (), (a[0],), (), "real").key != make("constant", (), (a[1],), (), "real").key
    with pytest.raises(TypeError, match="plain data, not complex"):
        make("iota", (), (1j,), (), "real")


def deep(levels):
    x = sg.data("x", 2)
    y = x
    for _ in range(levels):
        y = sg.sin(y) * x
    return y


def test_deep_graphs_pickle_copy_and_hash():
    y = deep(2500)  # 5000 levels
    assert len(topological([y.node])) == 5001
    assert pickle.loads(pickle.dumps(y)) is y
    assert pickle.loads(pickle.dumps(y.node)) is y.node
    assert copy.copy(y) is y and copy.deepcopy([y])[0] is y and copy.deepcopy(y.node) is y.node
    assert len({y, deep(2500)}) == 1


def test_pickles_intern_again_in_another_session():
    y = deep(2500)
    code = ("import pickle, sys, symgrad as sg\n"
            "x = sg.data('x', 2); y = x\n"
            "z = pickle.loads(bytes.fromhex(sys.stdin.read()))\n"
            "for _ in range(2500): y = sg.sin(y) * x\n"
            "print(y == z, y.node is z.node)")
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(y).hex(), capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True"


def test_layers_of_a_pickle_never_tie_with_those_of_another_session():
    layer = sg.nn.Linear(3, 3)
    code = ("import pickle, sys, symgrad as sg\n"
            "W = pickle.loads(bytes.fromhex(sys.stdin.read()))\n"
            "own = [sg.nn.Linear(3, 3).W for _ in range(2000)]\n"
            "print(W.name, W.shape, any(W is other for other in own))")
    done = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(layer.W).hex(), capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["W", "(3, 3) False\n"]
    again = pickle.loads(pickle.dumps(layer))
    assert again.W is layer.W and again(sg.data("x", 3)) is layer(sg.data("x", 3))


def test_graphs_are_freed():
    y = deep(5_000)
    gc.collect()
    size, watch = len(_table), weakref.ref(y.node)
    del y
    gc.collect()
    assert watch() is None
    assert len(_table) <= size - 9_000


def test_derivatives_and_functions_leave_nothing_behind():
    def work():
        x = sg.data("freed", 5)
        f = sg.sum(sg.log(sg.sum(sg.exp(x * x.T.named("a")))) * sg.relu(x))
        g = sg.gradient(f, x)
        sg.hessian(f, x), sg.gradient(f, x[1:]), str(g), sg.function([x], [f, g])(np.ones(5))
        return weakref.ref(f.node), weakref.ref(g.node)

    watches = work()
    gc.collect()
    assert [w() for w in watches] == [None, None]


def test_walks():
    x, z = sg.data("x", 3).node, sg.data("z", 3).node
    a = elementwise("sin", [x])
    b = add([a, z, contract([a, z], [(0,), (0,)], (0,))])
    assert topological([b])[-1] is b and topological([b])[:2] == [x, a], "operands first, in their order"
    assert topological([b], enter=lambda node: node is not a)[0] is a
    assert depends([b], [z]) == {z, b, b.operands[2]}
    assert consumers([b])[a] == [b.operands[2], b] and consumers([b])[b] == []
    (moved,) = transform([b], rebuild, {x: z})
    assert x not in topological([moved]) and rebuild(b, b.operands) is b


def test_nan_is_one_literal():
    x = sg.data("x", 3)
    assert x * float("nan") is x * np.nan and x * np.inf is x * float("inf")


def test_a_node_shows_what_it_is():
    assert repr(sg.exp(sg.data("x", (2, sg.dim("n")))).node).startswith("<elementwise 2xn ")
    assert repr(sg.sum(sg.data("x", 2)).node).startswith("<einsum scalar ")
