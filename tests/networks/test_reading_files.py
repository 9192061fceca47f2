"""ONNX files read: names, shapes and numbers, formulas and gradients of them, and files that are not as they should be."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

import onnx_cases  # noqa: E402
from onnx import helper, numpy_helper  # noqa: E402
from onnx_models import info, mlp, model, saved  # noqa: E402

import symgrad as sg  # noqa: E402


def outputs(network, **arrays):
    return network(**arrays)


def reference(made, **arrays):
    from onnx.reference import ReferenceEvaluator

    names = [entry.name for entry in made.graph.output]
    return dict(zip(names, ReferenceEvaluator(made).run(names, arrays), strict=True))


X = np.random.default_rng(1).standard_normal((7, 4)).astype(np.float32)


def test_a_network_has_the_names_of_its_file(tmp_path):
    network = sg.from_onnx(saved(mlp(), tmp_path / "mlp.onnx"))
    assert list(network.inputs) == ["x"] and list(network.outputs) == ["logits"]
    assert network.inputs["x"].shape == (sg.dim("N"), 4) and network.outputs["logits"].shape == (sg.dim("N"), 3)
    assert {name: p.shape for name, p in network.parameters.items()} == {
        "fc1.weight": (5, 4), "fc1.bias": (5,), "fc2.weight": (3, 5), "fc2.bias": (3,)}
    assert all(p.name == name for name, p in network.parameters.items())
    assert network.values["fc1.weight"].shape == (5, 4) and not network.missing
    np.testing.assert_allclose(outputs(network, x=X)["logits"], reference(mlp(), x=X)["logits"], rtol=1e-5)
    assert repr(network) == "<Network of x (N, 4) to logits (N, 3): 43 numbers in 4 parameters>"


def test_it_is_the_formula_that_one_would_write(tmp_path):
    network = sg.from_onnx(mlp())
    x, p = network.inputs["x"], network.parameters
    own = sg.tanh(x @ p["fc1.weight"].T + p["fc1.bias"]) @ p["fc2.weight"].T + p["fc2.bias"]
    assert network.outputs["logits"] == own
    y = sg.labels("y", classes=3, shape=sg.dim("N"))
    loss = sg.losses.cross_entropy(network.outputs["logits"], y)
    derivation = sg.derive(loss, list(p.values()))
    assert derivation.check(seed=0)
    assert "tanh" in str(derivation) and sg.draw(loss).svg.startswith("<svg")
    model = sg.Model(loss, network.outputs["logits"])
    model.parameters = network.values
    labels = np.arange(7) % 3
    before = model.evaluate({"x": X, "y": labels})["loss"]
    model.fit({"x": X, "y": labels}, sg.optim.Adam(0.05), epochs=30, progress=False)
    assert model.evaluate({"x": X, "y": labels})["loss"] < before / 2
    program = sg.generate(loss, network.outputs["logits"]).load()
    np.testing.assert_allclose(program.predict(*network.values.values(), X), reference(mlp(), x=X)["logits"], rtol=1e-4)


def test_shape_arithmetic_leaves_no_trace():
    nodes = [("Shape", "x", "s", {}), ("Gather", "s zero", "n", {"axis": 0}), ("Unsqueeze", "n zeros", "n1", {}),
             ("Concat", "n1 minus", "shape", {"axis": 0}), ("Reshape", "x shape", "y", {})]
    values = {"zero": np.int64(0), "zeros": np.array([0]), "minus": np.array([-1])}
    network = sg.from_onnx(model(nodes, [("x", ["N", 2, 3])], [("y", ["N", 6])], values))
    assert network.outputs["y"] == sg.reshape(network.inputs["x"], (sg.dim("N"), 6)) and not network.parameters
    assert [step.operator for step in network.steps] == ["Reshape"]


def test_settings_are_no_parameters():
    nodes = [("Clip", "x low high", "a", {}), ("Pow", "a two", "b", {}), ("Mul", "b scale", "c", {}),
             ("ReduceSum", "c axes", "y", {"keepdims": 0})]
    values = {"low": np.float32(-1), "high": np.float32(2), "two": np.float32(2), "scale": np.float32([1, 2, 3]),
              "axes": np.array([1])}
    network = sg.from_onnx(model(nodes, [("x", ["N", 3])], [("y", ["N"])], values))
    assert list(network.parameters) == ["scale"]
    np.testing.assert_allclose(outputs(network, x=X[:, :3])["y"], (np.clip(X[:, :3], -1, 2) ** 2 * [1, 2, 3]).sum(1), 1e-5)


def test_running_statistics_are_constants_with_their_names():
    rng = np.random.default_rng(0)
    values = {name: rng.random(3).astype(np.float32) + 0.5 for name in ("scale", "shift", "mean", "var")}
    made = model([("BatchNormalization", "x scale shift mean var", "y", {})], [("x", ["N", 3, 4])], [("y", ["N", 3, 4])],
                 values)
    network = sg.from_onnx(made)
    assert list(network.parameters) == ["scale", "shift"]
    assert {"mean", "var"} <= {name for _, name in sg.graph(network.outputs["y"]).nodes(data="name")}
    assert "1/10^5" in str(network.outputs["y"]) or "1e-5" in str(network.outputs["y"])
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    np.testing.assert_allclose(outputs(network, x=x)["y"], reference(made, x=x)["y"], rtol=1e-5, atol=1e-6)


def test_an_unknown_operator_is_named_with_its_node_and_why():
    made = model([("Relu", "x", "a", {}), ("Frobnicate", "a", "b", {"domain": "com.acme"}), ("Tanh", "b", "y", {}),
                  ("Neg", "a", "z", {})], [("x", [2, 3])], [("y", [2, 3]), ("z", [2, 3])])
    with pytest.raises(sg.SymgradError) as caught:
        sg.from_onnx(made)
    assert str(caught.value) == ("from_onnx: net: operator Frobnicate, node 'n1': the operator of domain 'com.acme' is "
                                 "not known")
    network = sg.from_onnx(made, partial=True)
    (lost,) = network.missing
    assert (lost.operator, lost.node, lost.why) == ("Frobnicate", "n1", "the operator of domain 'com.acme' is not known")
    assert list(network.outputs) == ["z"] and "Frobnicate" in str(network.missing)


def test_what_is_missing_is_an_input_where_its_shape_is_known():
    made = model([("Frobnicate", "x", "b", {"domain": "com.acme"}), ("Tanh", "b", "y", {})], [("x", [2, 3])], [("y", [2, 3])])
    made.graph.value_info.append(info("b", [2, 3]))
    network = sg.from_onnx(made, partial=True)
    assert list(network.inputs) == ["x", "b"] and network.outputs["y"] == sg.tanh(network.inputs["b"])


def test_a_shape_of_run_time_is_that_which_the_file_declares_or_is_given():
    made = model([("Reshape", "x shape", "y", {})], [("x", [2, 6]), ("shape", [2], "i")], [("y", [3, 4])])
    assert sg.from_onnx(made).outputs["y"].shape == (3, 4)
    sliced = model([("Slice", "x start stop", "y", {})], [("x", [6]), ("start", [1], "i"), ("stop", [1], "i")], [("y", ["k"])])
    with pytest.raises(sg.SymgradError, match=r"operator Slice, node 'n0': its starts is known at run time only.*fixed="):
        sg.from_onnx(sliced)
    network = sg.from_onnx(sliced, fixed={"start": [1], "stop": [4]})
    assert list(network.inputs) == ["x"] and network.outputs["y"].shape == (3,)
    with pytest.raises(sg.DataError, match="fixed names 'stat'; the inputs are x, start, stop"):
        sg.from_onnx(sliced, fixed={"stat": [1]})


def test_numbers_of_half_precision_are_read_when_asked_for():
    made = model([("Relu", "x", "y", {})], [("x", [2])], [("y", [2])])
    for entry in (*made.graph.input, *made.graph.output):
        entry.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    with pytest.raises(sg.DataError, match="its input 'x' holds float16, .*halves=True"):
        sg.from_onnx(made)
    assert sg.from_onnx(made, halves=True).outputs["y"] == sg.relu(sg.data("x", 2))


def test_integers_are_not_divided_into_fractions():
    made = model([("Div", "x three", "y", {})], [("x", ["N"])], [("y", ["N"])], {"three": np.array(3)})
    made.graph.input[0].type.tensor_type.elem_type = made.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    network = sg.from_onnx(made)
    (y,) = sg.function(list(network.inputs.values()), [network.outputs["y"]])(np.array([7, -7, 3, -2, 0]))
    np.testing.assert_array_equal(y, [2, -2, 1, 0, 0])  # towards zero


def test_functions_of_a_file_are_read():
    body = [helper.make_node("Mul", ["a", "a"], ["b"]), helper.make_node("Add", ["b", "a"], ["c"])]
    function = helper.make_function("mine", "Twist", ["a"], ["c"], body, [helper.make_opsetid("", 21)])
    made = model([("Twist", "x", "y", {"domain": "mine"})], [("x", [3])], [("y", [3])], functions=[function])
    made.opset_import.append(helper.make_opsetid("mine", 1))
    x = sg.data("x", 3)
    assert sg.from_onnx(made).outputs["y"] == x * x + x


def test_for_one_sample_it_trains_on_minibatches(tmp_path):
    network = sg.from_onnx(mlp()).per_sample()
    logits, T = network.outputs["logits"], sg.dim("N")
    assert network.inputs["x"].shape == (4,) and network.inputs["x"].over == T and logits.over == T
    assert str(logits) == "fc2.weight tanh(fc1.weight x + fc1.bias) + fc2.bias"
    np.testing.assert_allclose(outputs(network, x=X)["logits"], reference(mlp(), x=X)["logits"], rtol=1e-5)
    np.testing.assert_array_equal(network({"x": X})["logits"], network(X)["logits"])
    y = sg.labels("y", classes=3, over=T)
    loss = sg.empirical_risk(sg.losses.cross_entropy(logits, y))
    assert sg.derive(loss).check(seed=0)
    fitted = sg.Model(loss, logits)
    fitted.parameters = network.values
    batch = {"x": np.tile(X, (4, 1)), "y": np.arange(28) % 3}
    before = fitted.evaluate(batch)["loss"]
    fitted.fit(batch, sg.optim.Adam(0.05), epochs=10, batch_size=7, progress=False)
    assert fitted.evaluate(batch)["loss"] < before
    mixed = sg.from_onnx(model_of_softmax_over_samples())
    with pytest.raises(sg.SymgradError, match="per_sample: the output 'y' mixes what the samples are along N"):
        mixed.per_sample("N")
    with pytest.raises(sg.SymgradError, match="per_sample: no input has an open first axis"):
        sg.from_onnx(model([("Relu", "x", "y", {})], [("x", [2])], [("y", [2])])).per_sample()


def model_of_softmax_over_samples():
    return model([("Softmax", "x", "y", {"axis": 0})], [("x", ["N", 3])], [("y", ["N", 3])])


def test_numbers_in_safetensors(tmp_path):
    pytest.importorskip("safetensors")
    network = sg.from_onnx(mlp())
    other = sg.from_onnx(mlp(seed=5))
    path = other.save(tmp_path / "w.safetensors")
    found = network.load(path)
    assert all((found.values[name] == other.values[name]).all() for name in other.values)
    loss = sg.sum(network.outputs["logits"] ** 2)
    fitted = sg.Model(loss, network.outputs["logits"]).load(path)
    assert all((fitted.parameters[name] == other.values[name]).all() for name in other.values)
    fitted.save(tmp_path / "again.safetensors")
    again = sg.from_onnx(sg.to_onnx(network.outputs, tmp_path / "n.onnx", tmp_path / "again.safetensors"))
    assert all((again.values[name] == other.values[name]).all() for name in other.values)
    (tmp_path / "cut.safetensors").write_bytes(path.read_bytes()[:-9])
    for load in (network.load, fitted.load):
        with pytest.raises(sg.DataError, match="cannot read '.*cut.safetensors': it is damaged or no safetensors"):
            load(tmp_path / "cut.safetensors")
        with pytest.raises(sg.DataError, match="there is no file"):
            load(tmp_path / "none.safetensors")
    sg.from_onnx(model_of_softmax_over_samples()).save(tmp_path / "empty.safetensors")
    with pytest.raises(sg.DataError, match="has no array of the shape of 'fc1.weight'"):
        network.load(tmp_path / "empty.safetensors")
    with pytest.raises(sg.DataError, match="no array for 'fc1.weight'"):
        fitted.load(tmp_path / "empty.safetensors")


# files that are not as they should be -----------------------------------------------------------------------


def test_damaged_files_give_one_message(tmp_path):
    whole = mlp().SerializeToString()
    rng = np.random.default_rng(0)
    texts = [b"", b"not a model", whole[:40], whole[:-30], whole[:len(whole) // 2], bytes(100),
             *(bytes(b ^ (rng.random() < 0.02) * 255 for b in whole) for _ in range(60))]
    for i, text in enumerate(texts):
        path = tmp_path / f"{i}.onnx"
        path.write_bytes(text)
        try:
            sg.from_onnx(path)
        except sg.SymgradError as error:
            assert str(error).startswith(("cannot read", "from_onnx")) and "\n" not in str(error)[:200]
    with pytest.raises(sg.DataError, match="no such file or directory"):
        sg.from_onnx(tmp_path / "none.onnx")
    with pytest.raises(sg.DataError, match="cannot read .*: is a directory"):
        sg.from_onnx(tmp_path)


def test_graphs_that_are_not_whole():
    with pytest.raises(sg.DataError, match="operator Relu, node 'n0' reads 'nothing', which nothing before it gives"):
        sg.from_onnx(model([("Relu", "nothing", "y", {})], [("x", [2])], [("y", [2])]))
    with pytest.raises(sg.DataError, match="its output 'z' is given by no node"):
        sg.from_onnx(model([("Relu", "x", "y", {})], [("x", [2])], [("z", [2])]))
    with pytest.raises(sg.SymgradError, match="operator MatMul, node 'n0': matmul: .* they must be equal"):
        sg.from_onnx(model([("MatMul", "x x", "y", {})], [("x", [2, 3])], [("y", [2, 3])]))
    endless = helper.make_function("mine", "F", ["a"], ["b"], [helper.make_node("F", ["a"], ["b"], domain="mine")],
                                   [helper.make_opsetid("mine", 1)])
    made = model([("F", "x", "y", {"domain": "mine"})], [("x", [3])], [("y", [3])], functions=[endless])
    made.opset_import.append(helper.make_opsetid("mine", 1))
    with pytest.raises(sg.DataError, match="too deep within each other, or a function calls itself"):
        sg.from_onnx(made)


def with_data_beside(path, location, length=None):
    made = mlp()
    for tensor in made.graph.initializer:
        if tensor.name == "fc1.weight":
            array = numpy_helper.to_array(tensor)
            tensor.ClearField("raw_data")
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in {"location": location, "length": str(length or array.nbytes)}.items():
                entry = tensor.external_data.add()
                entry.key, entry.value = key, value
            saved_bytes = array.tobytes()
    path.write_bytes(made.SerializeToString())
    return saved_bytes


def test_data_beside_a_file_stays_in_its_folder(tmp_path):
    folder = tmp_path / "inner"
    folder.mkdir()
    content = with_data_beside(folder / "a.onnx", "weights.bin")
    (folder / "weights.bin").write_bytes(content)
    (tmp_path / "secret.bin").write_bytes(content)
    np.testing.assert_allclose(sg.from_onnx(folder / "a.onnx")(x=X)["logits"], reference(mlp(), x=X)["logits"], rtol=1e-5)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    for place in ("../secret.bin", str(tmp_path / "secret.bin"), "link.bin", "", "none.bin", ".", "a\0b"):
        with_data_beside(folder / "b.onnx", place)
        with pytest.raises(sg.DataError, match=r"initializer 'fc1.weight' lies in .*no file within the folder of the model"):
            sg.from_onnx(folder / "b.onnx")
    for length in (10**12, 3):
        with_data_beside(folder / "c.onnx", "weights.bin", length)
        with pytest.raises(sg.DataError, match="initializer 'fc1.weight' is damaged"):
            sg.from_onnx(folder / "c.onnx")


def test_files_that_are_damaged_in_their_sense(tmp_path):
    """Attributes, names, sizes and versions that are not what they should be: one message, or a network."""
    cases = [(made, node.op_type) for _, made, *_ in onnx_cases.cases() for node in made.graph.node[:1]]
    operators = sorted({operator for _, operator in cases})
    draw = np.random.default_rng(0)
    numbers = [0, -1, 1, 2, 7, 2**31, 2**62, -(2**63)]
    seen = {"read": 0, "refused": 0}
    for k in range(240):
        made = onnx.ModelProto()
        made.CopyFrom(cases[draw.integers(len(cases))][0])
        node = made.graph.node[0]
        for attribute in node.attribute[:1]:
            attribute.i = int(draw.choice(numbers)) if attribute.type == attribute.INT else attribute.i
            for i in range(len(attribute.ints)):
                attribute.ints[i] = int(draw.choice(numbers))
        if k % 3 == 0:
            node.op_type = str(draw.choice(operators))
        if k % 5 == 0:
            made.opset_import[0].version = int(draw.choice([1, 7, 11, 18, 99]))
        if k % 7 == 0 and node.input:
            node.input[0] = made.graph.input[-1].name if made.graph.input else ""
        try:
            sg.from_onnx(made, partial=bool(k % 2))
            seen["read"] += 1
        except sg.SymgradError as error:
            assert str(error).startswith("from_onnx: ")
            seen["refused"] += 1
    assert min(seen.values()) > 30
