"""Recurrent layers of ONNX files: one recurrence each, with gradients, written as ONNX's Scan again."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")  # ONNX's own evaluator leaves clips and lengths out

from onnx_models import model  # noqa: E402
from onnx_runs import computed, ours, through_onnx  # noqa: E402

import symgrad as sg  # noqa: E402

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
rng = np.random.default_rng(0)


def layer(operator, hidden=3, **attributes):
    ways = 2 if attributes.get("direction") == "bidirectional" else 1
    rows = GATES[operator] * hidden
    values = {"W": rng.standard_normal((ways, rows, 4)), "R": rng.standard_normal((ways, rows, hidden)),
              "B": rng.standard_normal((ways, 2 * rows))}
    return model([(operator, "x W R B", "Y Yh", {"hidden_size": hidden, **attributes})], [("x", ["L", "N", 4])],
                 [("Y", ["L", ways, "N", hidden]), ("Yh", [ways, "N", hidden])],
                 {name: value.astype(np.float32) for name, value in values.items()})




@pytest.mark.parametrize("operator", GATES)
@pytest.mark.parametrize("attributes", [{}, {"direction": "reverse"}, {"direction": "bidirectional", "clip": 0.7}], ids=str)
def test_a_recurrent_layer_is_one_recurrence_with_gradients(operator, attributes, tmp_path):
    made = layer(operator, **attributes, **({"linear_before_reset": 1} if operator == "GRU" else {}))
    network = sg.from_onnx(made)
    assert [step.operator for step in network.steps] == [operator]
    x = rng.standard_normal((5, 2, 4)).astype(np.float32)
    found = network(x=x)
    for name, wanted in computed(made, {"x": x}).items():
        np.testing.assert_allclose(found[name], wanted, rtol=1e-4, atol=1e-5)
    loss = sg.sum(network.outputs["Y"] ** 2)
    outputs = {**network.outputs, "loss": loss} | sg.gradient(loss, {f"d{n}": p for n, p in network.parameters.items()})
    at = {network.inputs["x"]: x} | {p: network.values[n] for n, p in network.parameters.items()}
    again = through_onnx(outputs, {t.name: a for t, a in at.items()}, tmp_path / "r.onnx")
    for name, wanted in ours(outputs, at).items():
        np.testing.assert_allclose(again[name], wanted, rtol=2e-3, atol=1e-3, err_msg=name)


def test_sequences_that_end_earlier():
    made = layer("LSTM")
    made.graph.node[0].input.append("lengths")
    made.graph.input.append(onnx.helper.make_tensor_value_info("lengths", onnx.TensorProto.INT32, ["N"]))
    network = sg.from_onnx(made)
    x, lengths = rng.standard_normal((5, 2, 4)).astype(np.float32), np.array([2, 5], np.int32)
    for name, wanted in computed(made, {"x": x, "lengths": lengths}).items():
        np.testing.assert_allclose(network(x=x, lengths=lengths)[name], wanted, rtol=1e-4, atol=1e-5)


def test_a_long_recurrence_is_as_small_as_a_short_one():
    made = layer("LSTM")
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 5000
    network = sg.from_onnx(made)
    assert len(sg.graph(network.outputs["Y"])) < 60


def test_an_activation_that_is_not_known():
    with pytest.raises(sg.SymgradError, match="operator RNN, node 'n0': the activation 'Cube' is not known"):
        sg.from_onnx(layer("RNN", activations=["Cube"]))
