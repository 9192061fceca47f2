"""ONNX files written: others compute from them what `sg.function` computes; they can be read again.

All settings are tried where onnxruntime is installed, two of them by ONNX's own evaluator where not.
"""

import runpy

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import operation_table  # noqa: E402
from expressions import PROGRAMS, SETTINGS, grown  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from onnx_models import mlp, saved  # noqa: E402
from onnx_runs import onnxruntime, ours, through_onnx, with_gradients  # noqa: E402
from places import ROOT  # noqa: E402

import symgrad as sg  # noqa: E402
from symgrad.language.symbols import symbols_of  # noqa: E402

T, N = sg.dims("T N")
NO_OPERATOR = "to_onnx: ONNX has no operator for "
TRIED = ("plain", "samples") if onnxruntime is None else ("plain", "symbolic", "samples", "ones", "empty", "first", "last")
LOSES = {"erfc", "expm1", "arctan2"}  # single precision in onnxruntime's own functions


def alike(found, wanted, tolerance=2e-3):
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        value = np.asarray(value)
        assert found[name].shape == value.shape, name
        finite = np.abs(value[np.isfinite(value)].astype(float)).max(initial=0) if value.dtype.kind == "f" else 0
        close = np.allclose(found[name].astype(float), value.astype(float), tolerance, tolerance * max(finite, 1e-3),
                            equal_nan=True)
        assert close, (name, found[name], value)


@pytest.mark.parametrize("row", operation_table.ROWS, ids=str)
def test_every_operation_and_its_gradient(row, tmp_path):
    for setting in TRIED:
        if setting in row.skip.split() or (setting == "empty" and not set(row.shapes) & set(operation_table.SIZES)):
            continue
        at = operation_table.operands(row, setting)
        try:
            outputs = with_gradients(row.make(*at), at) if row.smooth else {"value": row.make(*at)}
            wanted = ours(outputs, at)
        except (sg.SymgradError, TypeError, AttributeError):  # several results, or none there: their own tests say so
            continue
        try:
            found = through_onnx(outputs, {t.name: a for t, a in at.items()}, tmp_path / "t.onnx")
        except sg.SymgradError as error:
            assert str(error).startswith((NO_OPERATOR, "to_onnx: no input shows the size"))
            continue
        alike(found, wanted)


@settings(max_examples=60)
@given(PROGRAMS, SETTINGS)
def test_random_expressions_and_their_gradients(tmp_path_factory, program, setting):
    t, variables, at = grown(program, setting)
    closed = sg.sum(t) if t.over is None else sg.mean(sg.sum(t), over=t.over)
    outputs = {"value": t, "number": closed}
    for x, g in zip(variables, sg.gradient(closed, variables), strict=True):
        outputs[f"gradient {x.name}"] = g
    folder = tmp_path_factory.mktemp("random")
    try:
        found = through_onnx(outputs, {x.name: a for x, a in at.items()}, folder / "t.onnx")
    except sg.SymgradError as error:
        assert "no input shows the size" in str(error)
        return
    alike(found, ours(outputs, at), 5e-3)


def classifier():
    x, y = sg.data("x", 4, over=T), sg.labels("y", classes=3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.Tanh(), sg.nn.Linear(5, 3))
    return x, y, net, net(x)


def test_values_are_numbers_of_the_file_and_the_sample_axis_is_open(tmp_path):
    x, y, net, logits = classifier()
    model = sg.Model(sg.empirical_risk(sg.losses.cross_entropy(logits, y)), logits)
    path = sg.to_onnx({"logits": logits}, tmp_path / "net.onnx", model.parameters)
    assert path == tmp_path / "net.onnx"
    made = onnx.load(path)
    onnx.checker.check_model(made, full_check=True)
    assert [entry.name for entry in made.graph.input] == ["x"]
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "T"
    assert {"W1", "b1", "W2", "b2"} <= {entry.name for entry in made.graph.initializer}
    assert [entry.name for entry in made.graph.output] == ["logits"]
    wider = {**model.parameters, "more": np.ones(3)}
    assert onnx.load(sg.to_onnx(logits, tmp_path / "wide.onnx", wider)).graph.input[0].name == "x"
    for count in (1, 7):
        X = np.random.default_rng(0).standard_normal((count, 4)).astype(np.float32)
        found = through_onnx({"logits": logits}, {"x": X}, tmp_path / "net.onnx", model.parameters)
        np.testing.assert_allclose(found["logits"], model.predict({"x": X}), rtol=1e-4, atol=1e-6)


def test_without_values_parameters_are_inputs_and_gradients_are_outputs(tmp_path):
    x, y, net, logits = classifier()
    loss = sg.empirical_risk(sg.losses.cross_entropy(logits, y))
    outputs = {"loss": loss} | sg.gradient(loss, {f"d{p.name}": p for p in net.parameters()})
    sg.to_onnx(outputs, tmp_path / "step.onnx")
    names = [entry.name for entry in onnx.load(tmp_path / "step.onnx").graph.input]
    assert names == ["x", "y", "W1", "b1", "W2", "b2"]
    rng = np.random.default_rng(0)
    at = {x: rng.standard_normal((6, 4)), y: np.arange(6) % 3, **{p: rng.standard_normal(p.shape) for p in net.parameters()}}
    alike(through_onnx(outputs, {t.name: a for t, a in at.items()}, tmp_path / "step.onnx"), ours(outputs, at), 1e-5)
    exact = through_onnx(outputs, {t.name: a for t, a in at.items()}, tmp_path / "step.onnx", dtype="float64")
    alike(exact, ours(outputs, at), 1e-12)


def test_a_file_that_was_read_is_written_again(tmp_path):
    network = sg.from_onnx(saved(mlp(), tmp_path / "a.onnx"))
    again = sg.from_onnx(sg.to_onnx(network.outputs, tmp_path / "b.onnx", network.values))
    assert list(again.inputs) == ["x"] and set(again.parameters) == set(network.parameters)
    assert again.outputs["logits"] == network.outputs["logits"]
    assert all((again.values[name] == network.values[name]).all() for name in network.values)


def test_names_of_outputs(tmp_path):
    x = sg.data("x", 3)
    def names(outputs):
        return [entry.name for entry in onnx.load(sg.to_onnx(outputs, tmp_path / "n.onnx")).graph.output]

    assert names(sg.tanh(x)) == ["output"] and names(sg.tanh(x).named("h")) == ["h"]
    assert names([sg.tanh(x), sg.sin(x)]) == ["output_1", "output_2"] and names({"a b/c": x}) == ["a b/c"]
    assert names({"one": sg.sin(x), "two": sg.sin(x)}) == ["one", "two"]
    same = through_onnx({"one": sg.sin(x), "two": sg.sin(x), "x again": x}, {"x": [1.0, 2.0, 3.0]}, tmp_path / "n.onnx")
    assert (same["one"] == same["two"]).all() and (same["x again"] == [1, 2, 3]).all()


@pytest.mark.parametrize(("outputs", "values", "error", "message"), [
    ({"x": sg.sin(sg.data("x", 3))}, None, sg.SymgradError, "an output is called 'x' as a symbol is"),
    ({}, None, sg.SymgradError, "give at least one output"),
    ({"y": sg.data("a", 3) + sg.parameter("a", 3)}, None, sg.SymgradError, "two different symbols are called 'a'"),
    ({"y": sg.inv(sg.data("A", (3, 3)))}, None, sg.SymgradError, "ONNX has no operator for the inverse of a matrix"),
    ({"y": sg.lgamma(sg.data("x", 3))}, None, sg.SymgradError, "ONNX has no operator for lgamma"),
    ({"y": sg.sin(sg.data("x", 3))}, {"z": [1.0]}, sg.DataError, "values for 'z', which do not occur; the symbols are x"),
    ({"y": sg.sin(sg.data("x", 3))}, {"x": [1.0]}, sg.DataError, r"the value of 'x' has the shape \(1,\)"),
    ({"y": sg.ones(N)}, None, sg.SymgradError, "no input shows the size N"),
])
def test_what_cannot_be_written_is_one_message(outputs, values, error, message, tmp_path):
    with pytest.raises(error, match=message):
        sg.to_onnx(outputs, tmp_path / "no.onnx", values)
    assert not (tmp_path / "no.onnx").exists()


def operators(path):
    return [node.op_type for node in onnx.load(path).graph.node]


def test_convolutions_and_pools_are_layers(tmp_path):
    x = sg.data("x", (2, 9, 8), over=T)
    net = sg.nn.Sequential(sg.nn.Conv2d(2, 3, 3, stride=2, padding=1, dilation=2), sg.nn.ReLU(), sg.nn.MaxPool2d(2, 1, 1))
    sg.to_onnx({"y": net(x)}, tmp_path / "c.onnx")
    assert [op for op in operators(tmp_path / "c.onnx") if op not in ("Unsqueeze", "Add")] == ["Conv", "Relu", "MaxPool"]
    at = {x: np.random.default_rng(0).standard_normal((3, 2, 9, 8))} | {
        p: np.random.default_rng(1).standard_normal(p.shape) for p in net.parameters()}
    outputs = with_gradients(net(x), at)
    alike(through_onnx(outputs, {t.name: a for t, a in at.items()}, tmp_path / "c.onnx"), ours(outputs, at))
    sg.to_onnx({"y": sg.conv1d(sg.data("u", (2, 7)), sg.parameter("K", (3, 2, 3)))}, tmp_path / "c.onnx")
    assert "Conv" in operators(tmp_path / "c.onnx")


NETWORKS = sorted((ROOT / "examples" / "networks").glob("*.py"))


@pytest.mark.parametrize("file", [*NETWORKS, ROOT / "examples" / "digits.py"], ids=lambda file: file.stem)
def test_the_example_networks(file, tmp_path):
    pytest.importorskip("sklearn")
    names = runpy.run_path(str(file), run_name="read")
    predict, loss, data = (names.get(name) for name in ("predict", "loss", "data"))
    if predict is None or loss is None or not isinstance(data, dict):
        pytest.skip("it trains in a way of its own")
    model = sg.Model(loss, predict)
    rng = np.random.default_rng(0)
    inputs = [symbol for symbol in symbols_of(predict) if symbol.node.attrs[0].kind in ("data", "labels")]
    batch = {t.name: np.asarray(data[t.name])[:6 if t.over is not None else None] if t.name in data
             else rng.standard_normal((6, *t.shape)) for t in inputs}
    found = through_onnx({"predict": predict}, batch, tmp_path / "net.onnx", model)
    np.testing.assert_allclose(found["predict"], model.predict(batch), rtol=2e-3, atol=2e-4)
