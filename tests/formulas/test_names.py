"""Names of layers made one by one: given once, in the order of use, and the same in everything that is said of a network."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.formulas.names import display_names
from symgrad.graphs.node import topological
from symgrad.language.tensor import wrap

T = sg.dim("T")
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def risk(out, x):
    return sg.empirical_risk(sg.losses.squared_error(out, sg.data("y", out.shape[0], over=T)))


def linear(rows=3, columns=3, **more):
    return sg.nn.Linear(columns, rows, **more)


def parameters(text):
    """The names W.. and b.. in a text."""
    return set(re.findall(r"(?<![\w^])[Wb](?:_?[a-z0-9]+)*(?![\w(])", text.translate(SUBSCRIPTS).replace("ᵀ", " ")))


def x():
    return sg.data("x", 3, over=T)


def test_layers_in_a_row_and_the_derivation_says_which():
    f, g = linear(), linear()
    steps = [str(s) for s in sg.derive(risk(g(sg.tanh(f(x()))), x())).steps]
    assert steps[0] == "(1) a¹ = W₁ x + b₁" and steps[2] == "(3) a² = W₂ x¹ + b₂"
    assert "(6) G_x¹ = W₂ᵀ G_a²" in steps[5] and steps[-1].endswith("θ = W₁, b₁, W₂, b₂")


def test_gates_of_a_cell_with_and_without_bias():
    h = sg.data("h", 3, over=T)
    parts = [(linear(), linear(bias=False)) for _ in range(2)]
    z, c = (a(x()) + b(h) for a, b in parts)
    loss = risk(sg.sigmoid(z) * sg.tanh(c), h)
    assert [str(s) for s in sg.derive(loss).steps[:3:2]] == ["(1) a¹ = W₁ x + b₁ + W₂ h", "(3) a² = W₃ x + b₃ + W₄ h"]
    assert list(sg.Model(loss).parameters) == ["W1", "b1", "W2", "W3", "b3", "W4"]


def test_two_sequentials_are_numbered_through():
    encoder = sg.nn.Sequential(linear(2), sg.nn.Tanh(), linear(2, 2))
    decoder = sg.nn.Sequential(linear(2, 2), sg.nn.Tanh(), linear(3, 2))
    loss = risk(decoder(encoder(x())), x())
    assert list(sg.Model(loss).parameters) == ["W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"]
    alone = risk(encoder(x()), x())
    assert list(sg.Model(alone).parameters) == ["W1", "b1", "W2", "b2"]


def test_the_order_is_that_of_use_and_not_that_in_which_layers_were_made():
    g, f = linear(), linear()
    out = g(sg.tanh(f(x())))
    assert display_names([out.node])[f.W.node] == "W1" and display_names([out.node])[g.W.node] == "W2"


def test_a_layer_used_twice_has_one_name():
    s, o = linear(), linear()
    loss = risk(o(sg.tanh(s(sg.tanh(s(x()))))), x())
    assert [str(step) for step in sg.derive(loss).steps[0:5:2]] == [
        "(1) a¹ = W₁ x + b₁", "(3) a² = W₁ x¹ + b₁", "(5) a³ = W₂ x² + b₂"]


def test_names_that_were_given_stay():
    a, b, c = linear(name="_enc"), linear(), linear()
    loss = risk(c(sg.tanh(b(sg.tanh(a(x()))))), x())
    assert list(sg.Model(loss).parameters) == ["W_enc", "b_enc", "W1", "b1", "W2", "b2"]
    W1 = sg.parameter("W1", (3, 3))
    f, g = linear(), linear()
    names = list(sg.Model(risk(g(sg.tanh(f(sg.tanh(W1 @ x())))), x())).parameters)
    assert names == ["W1", "W2", "b2", "W3", "b3"]


def test_one_layer_beside_a_symbol_of_its_name():
    W, f = sg.parameter("W", (3, 3)), linear()
    loss = risk(f(sg.tanh(W @ x())), x())
    assert list(sg.Model(loss).parameters) == ["W", "W1", "b1"]
    assert str(sg.derive(loss).steps[2]) == "(3) a² = W₁ x¹ + b₁"


def test_two_layers_of_one_given_name():
    f, g = linear(name="_a"), linear(name="_a")
    assert sorted(display_names([g(f(x())).node]).values()) == ["W_a_1", "W_a_2", "b_a_1", "b_a_2", "x"]


def test_a_gradient_has_the_names_of_its_loss():
    f, g, h = linear(bias=False), linear(bias=False), linear(bias=False)
    loss = sg.sum(h(x() * g(sg.data("u", 3))) * f(x()))
    names = display_names([loss.node])
    for layer in (f, g, h):
        derivative = sg.gradient(loss, layer.W)
        assert parameters(str(derivative)) == {
            names[n] for n in topological([derivative.node]) if n in names and n.attrs[0].kind == "parameter"}
    at = {"W1": np.eye(3), "W2": np.eye(3), "W3": np.eye(3), "x": np.ones((4, 3)), "u": np.ones(3)}
    derivative = sg.gradient(loss, g.W)
    used = {names[n] for n in topological([derivative.node]) if n.op == "input"}
    assert derivative.eval(**{name: at[name] for name in used}).shape == (4, 3, 3)


def test_what_is_not_used_and_what_is_asked_for_are_told_apart():
    f, g = linear(bias=False), linear(bias=False)
    d = sg.derive(risk(f(x()), x()), [f.W, g.W])
    assert "It does not depend on W₂: that gradient is zero." in d.unicode()
    assert any("does not depend on W₂" in each for each in sg.explain(d).answer)


def test_parameters_are_saved_and_read_by_their_names(tmp_path):
    f, g = linear(), linear()
    model = sg.Model(risk(g(sg.tanh(f(x()))), x()))
    model.save(tmp_path / "two.npz")
    assert sorted(np.load(tmp_path / "two.npz").files)[:2] != ["W", "b"]
    again = sg.Model(risk(g(sg.tanh(f(x()))), x()))
    again.load(tmp_path / "two.npz")
    assert all(np.array_equal(again.parameters[name], model.parameters[name]) for name in ("W1", "b1", "W2", "b2"))


@st.composite
def networks(draw):
    """A network of layers made one by one: in a row, side by side, as gates, as residuals, some used twice."""
    values, layers = [x()], []
    for _ in range(draw(st.integers(1, 4))):
        def layer():
            if layers and draw(st.booleans()):
                return draw(st.sampled_from(layers))
            layers.append(linear(bias=draw(st.booleans()), name=draw(st.sampled_from(["", "", "", "_c", "2"]))))
            return layers[-1]

        u, v = draw(st.sampled_from(values)), draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["row", "sum", "gate", "residual", "sequential"]))
        if kind == "row":
            new = sg.tanh(layer()(u))
        elif kind == "sum":
            new = sg.tanh(layer()(u) + layer()(v))
        elif kind == "gate":
            new = sg.sigmoid(layer()(u)) * layer()(v)
        elif kind == "residual":
            new = u + layer()(sg.relu(layer()(u)))
        else:
            new = sg.nn.Sequential(linear(), sg.nn.Tanh(), linear())(u)
        values.append(new)
    return risk(values[-1], x())


@settings(deadline=None, max_examples=15)
@given(networks())
def test_every_face_says_the_same_names(loss):
    names = {n: text for n, text in display_names([loss.node]).items() if n.attrs[0].kind == "parameter"}
    said = set(names.values())
    assert len(said) == len(names)
    numbers = {}
    for n, text in names.items():  # one number is one layer
        numbers.setdefault(n.attrs[0].owner, set()).add(re.sub("^[Wb]", "", text))
    assert all(len(each) == 1 for each in numbers.values())
    by_owner = {(n.attrs[0].owner, n.attrs[0].name[0]): text for n, text in names.items()}
    d = sg.derive(loss)
    for step in d.steps[:-1]:
        leaves = {by_owner[n.attrs[0].owner, n.attrs[0].name[0]] for n in topological([step.node])
                  if n.op == "input" and n.attrs[0].owner in numbers}
        assert parameters(step.formula.partition(" = ")[2]) == leaves, str(step)
        assert {each.replace("_{", "").replace("}", "") for each in re.findall(r"[Wb]_\{\d+\}", step.latex())} <= said
    forward = "\n".join(s.formula for s in d.steps if s.kind == "forward")
    assert parameters(forward) == said
    assert set(sg.Model(loss).parameters) == said
    program = sg.generate(loss).text.split('"""')[1]
    assert parameters("\n".join(line for line in program.splitlines() if re.match(r"    [axvL]\S* = ", line))) <= said
    asked = re.findall(r"with respect to (\S+) is", " ".join(sg.explain(loss).answer).translate(SUBSCRIPTS))
    assert sorted(asked) == sorted(said)
    for name, g in zip(names.values(), sg.gradient(loss, [wrap(n) for n in names]), strict=True):
        assert parameters(str(g)) <= said, name


@pytest.mark.parametrize("face", ["svg", "alt"])
def test_drawings_name_layers_as_the_derivation_does(face):
    f, g = linear(), linear()
    drawn = getattr(sg.draw(sg.derive(risk(g(sg.tanh(f(x()))), x()))), face)
    assert "a¹ = W₁ x + b₁" in drawn and "a² = W₂ x¹ + b₂" in drawn and "W x + b" not in drawn
