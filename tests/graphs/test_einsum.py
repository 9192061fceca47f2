"""The normal form of products and views: right under any labels, and one form for one expression."""

import itertools
import random

import numpy as np
import pytest
from checker import near, run
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.algebra.einsum import (
    broadcast,
    contract,
    joint_dtype,
    literal,
    literal_value,
    ones,
    product,
    scale,
    total,
    transpose,
    zeros,
)
from symgrad.graphs.node import BOOLEAN, INTEGER, REAL, topological
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import Weight, weight
from symgrad.language.tensor import wrap

SIZE = {"a": 2, "b": 3, "c": 4, "d": 2, "e": 1, "f": 3}
LETTERS = "abcdef"


def matrix(name, *shape):
    return sg.data(name, shape)


def numpy_value(arrays, inputs, out):
    """The contraction by its definition: a loop over all assignments of the labels."""
    letters = sorted({x for names in (*inputs, out) for x in names})
    result = np.zeros([SIZE[x] for x in out])
    for values in itertools.product(*(range(SIZE[x]) for x in letters)):
        at = dict(zip(letters, values, strict=True))
        factors = [a[tuple(at[x] for x in names)] for a, names in zip(arrays, inputs, strict=True)]
        result[tuple(at[x] for x in out)] += np.prod(factors)
    return result


labels = st.text(LETTERS, max_size=3)


@st.composite
def contractions(draw):
    inputs = draw(st.lists(labels, max_size=3))
    fresh = draw(st.lists(st.sampled_from(LETTERS), max_size=2, unique=True))
    out = draw(st.text(sorted(set("".join(inputs)) | set(fresh)) or "a", max_size=4))
    return inputs, out, draw(st.randoms(use_true_random=False))


def check_form(node):
    """The invariants of products and views, everywhere below `node`."""
    for n in topological([node]):
        if n.op not in ("einsum", "view"):
            continue
        inputs, out = n.attrs
        first = list(dict.fromkeys(out))
        assert first == list(range(len(first))), "labels of the output come first, in order"
        if n.op == "einsum":
            assert len(set(out)) == len(out) and set(out) <= {x for names in inputs for x in names}
            assert all(o.op != "view" and not (o.op == "add" and len(o.operands) < 2) for o in n.operands)
        else:
            assert len(n.operands) <= 1 and all(set(names) <= set(out) for names in inputs)
            assert all(o.op != "view" for o in n.operands)


@settings(max_examples=150)
@given(contractions())
def test_contract_is_the_sum_over_all_labels(case):
    inputs, out, chance = case
    names = {x: chance.choice(["", 7, "z"]) or x for x in LETTERS}
    relabel = {x: (x, names[x]) for x in LETTERS}  # any hashable is a label
    tensors = [matrix(f"t{i}", *(SIZE[x] for x in labels)) for i, labels in enumerate(inputs)]
    rng = np.random.default_rng(0)
    at = {t: rng.standard_normal(t.shape) for t in tensors}
    sizes = {relabel[x]: SIZE[x] for x in out}
    node = contract([t.node for t in tensors], [[relabel[x] for x in labels] for labels in inputs],
                    [relabel[x] for x in out], sizes)
    check_form(node)
    near(run(wrap(node), at), numpy_value(list(at.values()), inputs, out))


@settings(max_examples=120)
@given(contractions(), contractions(), st.data())
def test_views_of_views_and_products_of_views(one, two, draw):
    """Operands are themselves views and products, with deltas and ones; all are inlined and stay right."""
    rng = np.random.default_rng(1)
    nodes, values = [], []
    at = {}
    for k, (inputs, out, _) in enumerate((one, two)):
        inputs = inputs[:2]
        out = "".join(x for x in out[:3])
        tensors = [matrix(f"t{k}{i}", *(SIZE[x] for x in labels)) for i, labels in enumerate(inputs)]
        at |= {t: rng.standard_normal(t.shape) for t in tensors}
        nodes.append(contract([t.node for t in tensors], inputs, out, {x: SIZE[x] for x in out}))
        values.append(numpy_value([at[t] for t in tensors], inputs, out))
    shapes = ["".join(draw.draw(st.sampled_from([x for x in LETTERS if SIZE[x] == s])) for s in n.shape) for n in nodes]
    out = draw.draw(st.text(sorted(set("".join(shapes))) or "a", max_size=3))
    node = contract(nodes, shapes, out, {x: SIZE[x] for x in out})
    check_form(node)
    near(run(wrap(node), at), numpy_value(values, shapes, out))


def relabelled(chance, nodes, inputs, out, sizes=None):
    """The same contraction with other labels and its operands in another order."""
    names = sorted({x for labels in (*inputs, out) for x in labels} | set(sizes or ()))
    new = dict(zip(names, chance.sample(range(100), len(names)), strict=True))
    order = list(range(len(nodes)))
    chance.shuffle(order)
    return contract([nodes[i] for i in order], [[new[x] for x in inputs[i]] for i in order], [new[x] for x in out],
                    {new[x]: size for x, size in (sizes or {}).items()})


A, B, C = (matrix(name, 3, 3).node for name in "ABC")
v = matrix("v", 3).node
FORMS = {
    "A B": ([A, B], ["ij", "jk"], "ik"),
    "A A": ([A, A], ["ij", "jk"], "ik"),
    "A A'": ([A, A], ["ij", "kj"], "ik"),
    "tr A": ([A], ["ii"], ""),
    "tr A^2": ([A, A], ["ij", "ji"], ""),
    "tr A^4": ([A] * 4, ["ij", "jk", "kl", "li"], ""),
    "tr A^6": ([A] * 6, ["ij", "jk", "kl", "lm", "mn", "ni"], ""),
    "tr A A' A A'": ([A] * 4, ["ij", "kj", "kl", "il"], ""),
    "tr A B A B": ([A, B, A, B], ["ij", "jk", "kl", "li"], ""),
    "two loops": ([A] * 4, ["ij", "ji", "kl", "lk"], ""),
    "v' A A A v": ([v, A, A, A, v], ["i", "ij", "jk", "kl", "l"], ""),
    "a triangle of one matrix": ([A] * 3, ["ij", "jk", "ik"], ""),
    "diag v A diag v": ([v, A, v], ["i", "ij", "j"], "ij"),
    "hyper index": ([A, A, A], ["ij", "ik", "il"], "jkl"),
    "sum of squares": ([A, A], ["ij", "ij"], ""),
    "A_ij A_ji entrywise": ([A, A], ["ij", "ji"], "ij"),
    "delta": ([v], ["i"], "iij"),
    "ones": ([], [], "ij"),
    "identity": ([], [], "ii"),
    "sums of ones": ([v, v], ["i", "j"], ""),
}


@pytest.mark.parametrize("name", FORMS)
def test_one_form_under_any_labels_and_any_order(name):
    nodes, inputs, out = FORMS[name]
    sizes = dict.fromkeys(out, 3)
    chance = random.Random(0)
    forms = {relabelled(chance, nodes, inputs, out, sizes) for _ in range(60)}
    assert len(forms) == 1
    check_form(forms.pop())


def test_different_products_have_different_forms():
    square = dict(zip(FORMS, (contract(n, i, o, dict.fromkeys(o, 3)) for n, i, o in FORMS.values()), strict=True))
    assert len(set(square.values())) == len(FORMS)
    assert contract([A, B], ["ij", "jk"], "ik") is not contract([A, B], ["ij", "jk"], "ki")


def test_a_hit_cap_misses_a_merge_but_stays_right():
    inputs = ["ij", "jk", "kl", "lm", "mn", "no", "op", "pi"]  # tr A^8
    chance = random.Random(1)
    a = np.random.default_rng(0).standard_normal((3, 3))
    for _ in range(3):
        node = relabelled(chance, [A] * 8, inputs, "")
        near(run(wrap(node), {wrap(A): a}), np.trace(np.linalg.matrix_power(a, 8)))


def test_scalars_collect_in_front():
    x, y = (matrix(n, 3).node for n in "xy")
    p = contract([scale(x, weight(2)), scale(y, weight(0.25))], ["i", "i"], "")
    assert p.op == "add" and p.attrs == ((weight(0.5),),) and p.operands[0].op == "einsum"
    assert scale(scale(x, weight(2)), weight(0.5)) == x
    assert contract([zeros((3,)), x], ["i", "i"], "i") == zeros((3,))


def test_sums_of_ones_are_sizes():
    n = dim("n")
    x = sg.data("x", n).node
    assert contract([], [], "", {"i": n}) == literal(n)
    assert total(ones((n, 3)), [0, 1]) == literal(3 * n)
    assert total(broadcast(x, [1], (n, n)), [0]) == scale(x, weight(n))
    assert contract([x], ["i"], "i", {"i": n, "left": 5}) == scale(x, weight(5)), "a size that nobody holds is a sum of ones"


def test_views_are_inlined_and_deltas_disappear():
    x, M = matrix("x", 3), matrix("M", 3, 3)
    assert (sg.eye(3) @ M) == M and sg.trace(sg.eye(4)) == sg.constant(4)
    assert sg.diag(x) @ M == x[:, None] * M
    assert sg.trace(sg.diag(x)) == sg.sum(x) and sg.diagonal(sg.outer(x, x)) == sg.diagonal(sg.outer(x, x).T)
    assert (x[None, :] + sg.zeros((3, 3))).node.op == "view"
    assert sg.sum(sg.broadcast_to(x, (5, 3))) == 5 * sg.sum(x)


def test_sizes_must_agree():
    with pytest.raises(ValueError, match="label 'j' is 3 and 4"):
        contract([matrix("p", 2, 3).node, matrix("q", 4, 2).node], ["ij", "jk"], "ik")
    n, m = dim("n"), dim("m")
    with pytest.raises(ValueError, match="label 'i' is n and m"):
        contract([sg.data("p", n).node, sg.data("q", m).node], ["i", "i"], "")


def test_literals():
    n = dim("n")
    for value in (0, 1, 2.5, -3, 0.1, n, 1 / n):
        node = literal(value, (2, n))
        assert literal_value(node) == weight(value) and node.shape == (2, n)
    assert literal_value(matrix("x", 2).node) is None
    assert literal_value(contract([], [], "ii", {"i": 3})) is None, "an identity is not a literal"
    assert literal_value(scale(matrix("x", 2).node, weight(2))) is None


@pytest.mark.parametrize("dtypes, expected", [
    ((REAL,), REAL), ((INTEGER,), INTEGER), ((BOOLEAN,), INTEGER), ((BOOLEAN, INTEGER), INTEGER), ((INTEGER, REAL), REAL),
    ((INTEGER, 2), INTEGER), ((INTEGER, 0), INTEGER), ((INTEGER, 0.5), REAL), ((2,), REAL), ((2, 3), REAL), ((REAL, 2), REAL)])
def test_joint_dtype(dtypes, expected):
    nodes = [sg.data("x", 3, dtype=d).node if isinstance(d, str) else literal(d, (3,)) for d in dtypes]
    assert joint_dtype(nodes) == expected
    assert product(*nodes).dtype == (expected if any(isinstance(d, str) for d in dtypes) and len(nodes) > 1 else nodes[0].dtype)


def test_helpers():
    M = matrix("M", 2, 3)
    assert transpose(transpose(M.node, (1, 0)), (1, 0)) == M.node
    assert wrap(transpose(M.node, (1, 0))) == M.T
    assert wrap(total(M.node, [1])) == sg.sum(M, axis=1)
    assert wrap(product(M.node, M.node)) == M * M
    assert scale(M.node, Weight(0)) == zeros((2, 3)) and scale(sg.data("k", 3, dtype="integer").node, Weight(0)).dtype == INTEGER
