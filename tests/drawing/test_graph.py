"""`sg.graph`: what users ask of the graph."""

import networkx as nx
import pytest

import symgrad as sg


def net():
    T = sg.dim("T")
    x, y = sg.data("x", 4, over=T), sg.labels("y", 3, over=T)
    layers = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.Tanh(), sg.nn.Linear(5, 3))
    loss = sg.empirical_risk(sg.losses.cross_entropy(layers(x), y))
    return layers, loss


def test_every_node_says_what_it_is():
    layers, loss = net()
    g = sg.graph(loss, sg.gradient(loss, layers.parameters()))
    assert isinstance(g, nx.DiGraph) and nx.is_directed_acyclic_graph(g)
    for key, attributes in g.nodes(data=True):
        assert isinstance(key, str) and len(key) <= 24
        assert {"op", "kind", "shape", "over", "name", "formula", "layer", "tensor"} <= set(attributes)
        assert isinstance(attributes["tensor"], sg.Tensor) and attributes["formula"]
    kinds = {kind for _, kind in g.nodes(data="kind")}
    assert kinds == {"data", "parameter", "constant", "activation", "operation", "loss", "gradient"}
    assert {"W1", "b1", "W2", "b2", "x", "y"} <= set(g)


def test_layers_and_samples():
    _, loss = net()
    g = sg.graph(loss)
    assert {data["layer"] for _, data in g.nodes(data=True)} == {0, 1, 2}
    assert g.nodes["tanh"]["over"] == sg.dim("T") and g.nodes["tanh"]["shape"] == (5,)
    assert g.nodes["W1"]["over"] is None


def test_an_operand_used_twice_is_one_edge_with_two_positions():
    x = sg.data("x", 3)
    g = sg.graph(sg.sum(x * x))
    edges = [(a, b, d["positions"]) for a, b, d in g.edges(data=True)]
    assert edges == [("x", "multiply", (0, 1)), ("multiply", "sum", (0,))]


def test_operands_come_first_and_the_order_is_stable():
    _, loss = net()
    g = sg.graph(loss)
    place = {key: i for i, key in enumerate(g)}
    assert all(place[a] < place[b] for a, b in g.edges)
    assert list(g) == list(sg.graph(loss))


def test_two_symbols_of_one_name_are_shown():
    with pytest.raises(sg.SymgradError, match=r"'x'.*\(3,\).*\(4,\)"):
        sg.graph(sg.sum(sg.data("x", 3)) + sg.sum(sg.data("x", 4)))


def test_owned_parameters_of_one_name_are_numbered():
    x = sg.data("x", 3)
    g = sg.graph(sg.nn.Linear(3, 3)(sg.nn.Linear(3, 3)(x)))
    assert {"W1", "b1", "W2", "b2"} <= set(g)


def test_dicts_and_lists_of_outputs():
    x = sg.data("x", 3)
    assert set(sg.graph({"a": sg.exp(x)}, [sg.sin(x)])) == {"x", "exp", "sin"}
