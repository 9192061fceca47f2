"""Recurrences in pictures: one cluster a loop, the values of one step inside, a dashed arrow back; the graph has no cycle."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.drawing.drawing import picture

n, T = sg.dims("n T")


def plain(**options):
    """The example of the page on recurrences: the last carry, and all of them."""
    x = sg.data("x", (n, 3), over=T)
    W, U, b = sg.parameter("W", (4, 4)), sg.parameter("U", (4, 3)), sg.parameter("b", 4)

    def step(h, x_t):
        h = sg.tanh(W @ h + U @ x_t + b)
        return h, h

    return sg.scan(step, sg.zeros(4), x, **options)


def told(found, cluster=None):
    return {b.label for b in found.boxes if b.cluster == cluster}


def test_a_loop_is_a_cluster_with_the_values_of_one_step():
    last, _ = plain()
    found = picture(sg.mean(sg.sum(last), over=T))
    assert [c.title for c in found.clusters] == ["for t = 1, …, n"]
    assert told(found, "cell 1") == {"h_{t - 1}\nh_0 = 0", "a_t = W h_{t - 1} + U x_t + b", "h_t = tanh(a_t)"}
    assert {"x", "W", "U", "b", "v₁ = h_n"} <= told(found)
    labels = {b.key: b.label.split(" = ")[0].split("\n")[0] for b in found.boxes}
    inner = {(labels[a.tail], labels[a.head], a.label) for a in found.arrows if "t" in labels[a.head]}
    assert ("x", "a_t", "x_t") in inner and ("W", "a_t", "4 × 4") in inner and ("h_{t - 1}", "a_t", "T × 4") in inner
    assert [(labels[a.tail], labels[a.head]) for a in found.arrows if a.returns] == [("h_t", "h_{t - 1}")]


def test_a_loop_from_the_end_begins_there():
    last, _ = plain(reverse=True)
    found = picture(last)
    assert [c.title for c in found.clusters] == ["for t = n, …, 1"]
    assert "h_{t + 1}\nh_{n + 1} = 0" in told(found, "cell 1") and any("h₁" in label for label in told(found))


def test_a_first_carry_that_is_given_leads_into_the_cell():
    h, x = sg.parameter("h0", 4), sg.data("x", (n, 4))
    last, _ = sg.scan(lambda c, u: (sg.tanh(c) * u, None), sg.exp(h), x)
    found = picture(last)
    assert any(a.tail == "v h0" for a in found.arrows)
    assert {b.label for b in found.boxes if b.cluster is None} >= {"h₀", "x"}


def test_what_is_read_from_one_loop_is_read_from_one_cluster():
    last, every = plain()
    found = picture([sg.sum(last**2), sg.sum(every)])
    assert len(found.clusters) == 1
    (end,) = {a.tail for a in found.arrows if a.tail.startswith("cell") and not a.head.startswith("cell")}
    assert end.startswith("cell 1 h")


def test_the_gates_of_a_long_short_term_memory_have_their_letters_and_fold_to_one_line():
    x = sg.data("x", (n, 3), over=T)
    outputs, _ = sg.nn.LSTM(3, 8)(x)
    loss = sg.mean(sg.sum(outputs**2), over=T)
    inside = told(picture(loss), "cell 1")
    assert {"c_t = f_t ⊙ c_{t - 1} + i_t ⊙ g_t", "h_t = o_t ⊙ tanh(c_t)"} <= inside
    assert {f"{gate}_t" for gate in "ifgo"} <= {label.partition(" = ")[0] for label in inside}
    folded = picture(loss, depth=1)
    (cell,) = (b for b in folded.boxes if b.kind == "layer")
    assert cell.label == "for t = 1, …, n\nh_t, c_t = LSTM(x_t, h_{t - 1}, c_{t - 1})"
    assert not any(a.returns for a in folded.arrows)


def test_the_gates_of_a_gated_recurrent_unit_are_found_in_a_cell_that_is_written_by_hand():
    x, size = sg.data("x", (6, 4), over=T), 4
    R, Z, N = (sg.parameter(name, (size, size)) for name in ("R", "Z", "N"))

    def step(h, x_t):
        r, z = sg.sigmoid(R @ h + x_t), sg.sigmoid(Z @ h)
        h = (1 - z) * sg.tanh(x_t + r * (N @ h)) + z * h
        return h, None

    inside = told(picture(sg.scan(step, sg.zeros(size), x)[0]), "cell 1")
    letters = {label.partition(" = ")[0] for label in inside}
    assert {"r_t", "z_t", "n_t", "h_t"} <= letters


def test_layers_above_each_other_are_clusters_in_a_row():
    x = sg.data("x", (5, 3), over=T)
    outputs, _ = sg.nn.LSTM(3, 4, num_layers=2)(x)
    found = picture(sg.mean(sg.sum(outputs), over=T))
    assert [c.title for c in found.clusters] == ["for t = 1, …, 5"] * 2
    between = [a for a in found.arrows if a.tail.startswith("cell 1 ") and a.head.startswith("cell 2 ")]
    assert [a.label for a in between] == ["h_t"]


@pytest.mark.parametrize("layer", [sg.nn.RNN, sg.nn.LSTM, sg.nn.GRU])
def test_the_graph_of_a_recurrent_layer_has_no_cycle_and_its_nodes_keep_what_they_carry(layer):
    outputs, state = layer(3, 4, num_layers=2, bidirectional=True)(sg.data("x", (5, 3), over=T))
    g = sg.graph(outputs, state)
    assert nx.is_directed_acyclic_graph(g)
    assert {"op", "kind", "shape", "over", "name", "formula", "layer", "tensor"} <= set.intersection(
        *(set(d) for _, d in g.nodes(data=True)))
    assert any(d["op"] == "scan" for _, d in g.nodes(data=True))


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_any_loop_is_drawn_and_only_the_arrow_back_makes_a_cycle(data):
    size, carries = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    over = T if data.draw(st.booleans()) else None
    x, w = sg.data("x", (n, size), over=over), sg.parameter("w", size)
    functions = [data.draw(st.sampled_from([sg.tanh, sg.sigmoid, lambda t: t * t, lambda t: t])) for _ in range(carries)]

    def step(state, x_t):
        after = [f(state[i - 1] * w + x_t * state[i]) for i, f in enumerate(functions)]
        return after, after[0] * x_t

    given_first = data.draw(st.booleans())
    begin = [sg.parameter(f"s{i}", size) if given_first else sg.zeros(size) for i in range(carries)]
    xs = data.draw(st.sampled_from([x, sg.tanh(x)]))
    last, every = sg.scan(step, begin, xs, reverse=data.draw(st.booleans()))
    found = picture([sg.sum(last[0]) + sg.sum(every), *last], depth=data.draw(st.sampled_from([None, 1, 2])))
    forward = nx.DiGraph([(a.tail, a.head) for a in found.arrows if not a.returns])
    assert nx.is_directed_acyclic_graph(forward)
    reached = nx.ancestors(forward, next(b.key for b in found.boxes if b.label.startswith("L")))
    assert "v x" in reached and "v w" in reached


@pytest.mark.parametrize("suffix", ["svg", "tikz", "dot"])
def test_the_way_back_is_dashed_in_every_format(suffix):
    text = str(sg.draw(plain()[0], format=suffix)) if suffix != "svg" else sg.draw(plain()[0]).svg
    assert "for t = 1" in text
    assert {"svg": "sg-returns", "tikz": "sg returns", "dot": "style=dashed"}[suffix] in text


def test_the_alternative_text_tells_of_a_step():
    alt = sg.draw(plain()[0]).alt
    assert "= W h_{t - 1} + U x_t + b" in alt and "stands alone" not in alt


def test_constants_without_names_are_boxes_of_their_own_in_a_loop_too():
    z = sg.data("z", (5, 3))
    found = picture(sg.losses.ctc(sg.log_softmax(z), [1, 2], 5, 2))
    keys = [b.key for b in found.boxes]
    assert len(found.clusters) == 1 and len(keys) == len(set(keys))
