"""The way back through a recurrence in a drawing: a cluster of its own, from which gradients are read."""

import pytest

import symgrad as sg
from symgrad.drawing.drawing import picture

x = sg.data("x", (8, 4))


@pytest.mark.parametrize("layer", [sg.nn.RNN, sg.nn.LSTM, sg.nn.GRU])
def test_one_cluster_for_the_way_back(layer):
    net = layer(4, 3)
    shown = picture(sg.derive(sg.sum(net(x)[1][0] if layer is not sg.nn.LSTM else net(x)[1][0][0])))
    assert [c.title for c in shown.clusters] == ["for t = 1, …, 8", "for t = 8, …, 1"]
    inside = {box.key for box in shown.boxes if box.cluster == "back 1"}
    gradients = [box.key for box in shown.boxes if box.kind == "parameter_gradient"]
    assert len(gradients) == 4
    for key in gradients:  # each is read from the steps
        assert {arrow.tail for arrow in shown.arrows if arrow.head == key} <= inside
    assert any(arrow.returns and {arrow.tail, arrow.head} <= inside for arrow in shown.arrows)
    entering = [arrow for arrow in shown.arrows if arrow.head in inside and arrow.tail not in inside]
    assert entering and all(arrow.backward for arrow in entering)


def test_what_comes_in_is_said_on_the_arrow():
    shown = picture(sg.derive(sg.sum((sg.nn.RNN(4, 3)(x)[1][0] - sg.data("y", 3)) ** 2)))
    assert [arrow.label for arrow in shown.arrows if arrow.head.startswith("back") and arrow.label] == ["G_{h_8} = G_v₁"]


def test_several_layers_fold_forward_and_back():
    shown = picture(sg.derive(sg.sum(sg.nn.LSTM(4, 3, num_layers=2)(x)[0])), depth=1)
    labels = [box.label.split("\n")[0] for box in shown.boxes]
    assert labels.count("for t = 1, …, 8") == 2 and labels.count("for t = 8, …, 1") == 2
