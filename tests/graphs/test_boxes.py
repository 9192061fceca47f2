"""Boxes: what deserves a name, what its local formula is, and that local Jacobians chain to the gradient."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.graphs.node import topological
from symgrad.graphs.pieces.boxes import boxes, local_jacobian
from symgrad.graphs.rewrites.stable import stabilise


def cut(loss, output="r", **kwargs):
    (root,) = stabilise([loss.node])
    return boxes(root, {}, output, **kwargs)


def net(layers=2):
    T = sg.dim("T")
    x = h = sg.data("x", 5, over=T)
    for i in range(1, layers + 1):
        h = sg.tanh(sg.parameter(f"W{i}", (4 if i < layers else 2, 5 if i == 1 else 4)) @ h
                    + sg.parameter(f"b{i}", 4 if i < layers else 2))
    return x, h, sg.losses.squared_error(h, sg.data("y", 2, over=T))


def test_a_net_is_cut_as_a_textbook_cuts_it():
    found = cut(net(3)[2])
    named = [box.name for box in found if box.kind not in ("data", "parameter")]
    assert named == ["a^1", "x^1", "a^2", "x^2", "a^3", "x^3", "r"]
    layer = {box.name: box.layer for box in found}
    assert layer["a^1"] == layer["x^1"] == 1 and layer["a^3"] == layer["x^3"] == 3
    operands = {box.name: sorted(o.name for o in box.operands) for box in found}
    assert operands["a^2"] == ["W2", "b2", "x^1"] and operands["r"] == ["x^3", "y"]


def test_names_of_the_user_stand_and_are_not_taken_twice():
    T = sg.dim("T")
    x, W = sg.data("a^1", 3, over=T), sg.parameter("W", (2, 3))
    hidden = sg.tanh(W @ x).named("hidden")
    names = [box.name for box in cut(sg.sum(hidden**2))]
    assert "hidden" in names and names.count("a^1") == 1 and "a^2" in names


def test_local_formulas_hold_leaves_only():
    for box in cut(net()[2]):
        leaves = {node for node in topological([box.local]) if node.op == "input"}
        assert leaves <= {operand.leaf for operand in box.operands} | {box.leaf}


def test_what_is_shared_is_a_box_and_what_is_not_is_written_inside():
    x = sg.parameter("x", 3)
    e = sg.exp(x)
    shared = cut(sg.sum(e * sg.sin(e)), "L")
    assert [box.name for box in shared] == ["x", "v_1", "L"]
    assert [box.name for box in cut(sg.sum(sg.sin(sg.exp(x))), "L")] == ["x", "L"]


def test_long_chains_are_cut():
    h = sg.parameter("x", 3)
    for _ in range(60):
        h = sg.sin(sg.exp(-h))
    assert 4 <= len(cut(sg.sum(h), "L")) <= 40


def test_kept_nodes_are_boxes():
    x = sg.parameter("x", 3)
    inner = sg.exp(x)
    found = cut(sg.sum(sg.sin(inner)), "L", keep=[inner.node])
    assert [box.node for box in found][1] is inner.node


def test_local_jacobians_multiply_to_the_gradient():
    x, _, r = net()
    found = {box.name: box for box in cut(r)}
    order = ["x", "a^1", "x^1", "a^2", "x^2", "r"]
    pairs = list(zip(order, order[1:], strict=False))
    tensors = [sg.language.tensor.wrap(local_jacobian(found[b], found[a]), r.over) for a, b in pairs]
    rng = np.random.default_rng(0)
    inputs = [box for box in found.values() if box.kind in ("data", "parameter")]
    values = {box.name: rng.standard_normal([7 if s == r.over else s for s in box.node.shape]) for box in inputs}
    symbols = [sg.language.tensor.wrap(box.node, box.node.attrs[0].over) for box in inputs]
    middle = [sg.language.tensor.wrap(found[name].node, r.over) for name in order[1:-1]]
    known = sg.function(symbols, dict(zip(order[1:-1], middle, strict=True)))(**values) | values
    product = np.eye(5)[None].repeat(7, 0)
    for (_, b), j in zip(pairs, tensors, strict=True):
        leaves = [n for n in topological([j.node]) if n.op == "input"]
        f = sg.function([sg.language.tensor.wrap(n, n.attrs[0].over) for n in leaves], j,
                        sizes={"T": 7} if not any(n.attrs[0].over for n in leaves) else None)
        value = f(*(known[n.attrs[0].name] for n in leaves))
        value = value[:, None] if b == "r" else value
        product = value @ product
    gradient = sg.function(symbols, sg.gradient(r, x))(**values)
    np.testing.assert_allclose(product[:, 0], gradient, rtol=1e-10)


@pytest.mark.parametrize("kind", ["residual", "softmax"])
def test_losses_by_hand_stay_one_box(kind):
    T = sg.dim("T")
    x, W = sg.data("x", 4, over=T), sg.parameter("W", (3, 4))
    z = W @ x
    if kind == "softmax":
        loss = sg.losses.cross_entropy(z, sg.labels("y", 3, over=T))
    else:
        loss = sg.losses.squared_error(sg.tanh(z), sg.data("y", 3, over=T))
    names = [box.name for box in cut(loss) if box.kind not in ("data", "parameter")]
    assert names == (["a^1", "r"] if kind == "softmax" else ["a^1", "x^1", "r"])


def test_a_bias_belongs_to_its_layer_however_the_sum_is_nested():
    T = sg.dim("T")
    W, U, b = sg.parameter("W", (3, 4)), sg.parameter("U", (3, 3)), sg.parameter("b", 3)
    a = W @ sg.data("x", 4, over=T) + U @ sg.data("h", 3, over=T) + b
    found = {box.name: box for box in cut(sg.sum(sg.tanh(a) ** 2))}
    assert sorted(o.name for o in found["a^1"].operands) == ["U", "W", "b", "h", "x"] and "x^1" in found


@pytest.mark.parametrize("activation, names", [
    (lambda a: a * sg.sigmoid(a), ["a^1", "x^1", "a^2", "r"]),  # all of it is the activation
    (lambda a: sg.where(a > 0, a, 0.1 * a), ["a^1", "x^1", "a^2", "r"]),
    (lambda a: sg.tanh(a) ** 2, ["a^1", "x^1", "v_1", "a^2", "r"]),
])
def test_activations_are_as_large_as_they_can_be(activation, names):
    T = sg.dim("T")
    x, W, V = sg.data("x", 3, over=T), sg.parameter("W", (3, 3)), sg.parameter("V", (2, 3))
    found = cut(sg.sum((V @ activation(W @ x)) ** 2))
    assert [box.name for box in found if box.kind not in ("data", "parameter")] == names


def test_weights_of_a_softmax_and_what_they_are_made_from_are_boxes():
    Q, K, V = (sg.data(name, (4, 3)) for name in "QKV")
    found = cut(sg.sum((sg.softmax(Q @ K.T) @ V) ** 2), "L")
    assert [box.name for box in found if box.kind == "operation"] == ["v_1", "v_2"]


def test_a_loss_with_its_argument_beside_it_has_no_activation():
    T = sg.dim("T")
    z = sg.parameter("w", 3) @ sg.data("x", 3, over=T)
    found = cut(sg.softplus(z) - sg.data("y", over=T) * z)
    assert [box.name for box in found if box.kind not in ("data", "parameter")] == ["a^1", "r"]


@pytest.mark.parametrize("sampled", [False, True])
def test_a_neuron_of_numbers_is_a_layer(sampled):
    over = {"over": sg.dim("T")} if sampled else {}
    x, y = sg.data("x", **over), sg.data("y", **over)
    w, b, c, e = (sg.parameter(name) for name in "wbce")
    loss = (sg.sigmoid(c * sg.tanh(w * x + b) + e) - y) ** 2
    found = cut(loss)
    assert [(box.name, box.kind) for box in found if box.kind not in ("data", "parameter")] == [
        ("a^1", "affine"), ("x^1", "activation"), ("a^2", "affine"), ("x^2", "activation"), ("r", "output")]
    derivation = sg.derive(sg.empirical_risk(loss) if sampled else loss)
    assert derivation.check()
    assert ["G_a² = G_x² x² (1 - x²)", "G_x¹ = G_a² c", "G_c = G_a² x¹", "G_e = G_a²"] == [
        str(step).partition(") ")[2] for step in derivation.steps[6:10]]
    assert derivation.steps[1].rule == "activation, tanh"
    assert derivation.steps[6].rule == "through sigmoid: times its derivative"
    assert derivation.steps[6].law == "G_a² = (∂x²/∂a²)ᵀ G_x² = σ'(a²) G_x²"
    assert "⊙" not in derivation.unicode().partition("Forward")[2].partition("Over the batch")[0]
    assert "is a function of one number" in str(sg.explain(derivation)).replace("\n      ", " ")


def test_what_squashes_no_weighted_input_is_no_layer():
    x, g, b = sg.data("x"), sg.parameter("g"), sg.parameter("b")
    found = cut(sg.exp(-g * x) * sg.relu(b) + sg.tanh(b * g) * g**2)
    assert {box.kind for box in found} == {"data", "parameter", "output"}


def test_a_parameter_that_also_multiplies_is_no_shift():
    x, v = sg.data("x", 3), sg.parameter("v", 3)
    derivation = sg.derive(sg.sum((sg.tanh(v * x + v) - 1) ** 2))
    assert str(derivation.steps[-1]).endswith("G_v = G_v₁ ⊙ x + G_v₁")
    assert derivation.steps[-1].rule == "chain rule through v₁: sum, entrywise product"
