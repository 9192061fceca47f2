"""Networks step by step, and the first step at which two of them differ, as formulas."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from click.testing import CliRunner  # noqa: E402
from onnx_models import mlp, model, saved  # noqa: E402

import symgrad as sg  # noqa: E402
from symgrad.shell.cli import cli  # noqa: E402

rng = np.random.default_rng(0)


def called(made, prefix):
    """The same file with other names for everything."""
    copy = onnx.ModelProto()
    copy.CopyFrom(made)
    graph = copy.graph
    for node in graph.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            names[:] = [prefix + name if name else "" for name in names]
    for entry in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        entry.name = prefix + entry.name
    for entry in (*graph.input, *graph.output):
        for size in entry.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = "batch"
    return copy


def gru(after, seed=0):
    draw, H = np.random.default_rng(seed), 3
    values = {"W": draw.standard_normal((1, 3 * H, 4)), "R": draw.standard_normal((1, 3 * H, H)),
              "B": draw.standard_normal((1, 6 * H))}
    return model([("GRU", "x W R B", "Y Yh", {"hidden_size": H, "linear_before_reset": after}),
                  ("Squeeze", "Yh axes", "h", {}), ("Gemm", "h V c", "y", {"transB": 1})],
                 [("x", ["L", "N", 4])], [("y", ["N", 2])],
                 {name: value.astype(np.float32) for name, value in {
                     **values, "V": draw.standard_normal((2, H)), "c": draw.standard_normal(2)}.items()} | {
                     "axes": np.array([0])})


def normed(eps, mean=0.0):
    return model([("Gemm", "x W b", "a", {}), ("BatchNormalization", "a s t m v", "n", {"epsilon": eps}),
                  ("Relu", "n", "y", {})], [("x", ["N", 4])], [("y", ["N", 3])],
                 {"W": np.ones((4, 3), np.float32), "b": np.ones(3, np.float32), "s": np.ones(3, np.float32),
                  "t": np.zeros(3, np.float32), "m": np.full(3, mean, np.float32), "v": np.ones(3, np.float32)})


def test_a_network_step_by_step():
    text = str(sg.audit(sg.from_onnx(mlp())))
    assert text.startswith("x (N, 4) to logits (N, 3): 43 numbers in 4 parameters")
    assert "1  Gemm 'n0'  (N, 5)  with fc1.weight (5, 4), fc1.bias (5,)" in text
    assert "v₁ = x fc1.weightᵀ + 1 fc1.biasᵀ" in text and "v₂ = tanh(v₁)" in text
    assert "v₃ = v₂ fc2.weightᵀ + 1 fc2.biasᵀ" in text


@pytest.mark.parametrize("made", [mlp(), gru(1), gru(0), normed(1e-5)], ids=["mlp", "after", "before", "normed"])
def test_names_are_no_difference(made):
    found = sg.audit(sg.from_onnx(made), sg.from_onnx(called(made, "other_")))
    assert found and found.equal and found.difference is None and not found.weights, str(found)
    assert "Both networks compute the same formulas, with the same numbers." in str(found)


def test_the_reset_gate_on_the_other_side_is_found_and_named():
    found = sg.audit(sg.from_onnx(gru(1)), sg.from_onnx(called(gru(0), "b_")))
    assert not found and found.difference.step.operator == "GRU" and found.difference.step.number == 1
    assert found.difference.attributes == ("attribute linear_before_reset: 1, there 0",)
    assert "the reset gate multiplies what the matrix product gives" in found.difference.reason
    here, there = found.difference.formulas
    assert here.startswith("(h R_hᵀ + 1 c_hᵀ) ⊙ σ(x_t W_rᵀ") and there.startswith("(h ⊙ σ(x_t W_rᵀ")
    assert "(W_z to W_h: the rows of W, R_z to R_h: the rows of R, b_z to c_h: the rows of B.)" in found.difference.reason
    (line,) = found.outputs
    assert line.startswith("y: apart by up to 0.") and "\nOutputs at 3 inputs drawn by chance:\n    y: apart by" in str(found)


def test_other_steps_to_the_same_outputs_are_told_so():
    ends, W = ([("x", ["N", 3])], [("y", ["N", 2])]), {"W": np.eye(3, 2, dtype=np.float32)}
    plain = sg.from_onnx(model([("MatMul", "x W", "y", {})], *ends, W))
    folded = sg.from_onnx(model([("MatMul", "x W", "m", {}), ("Abs", "m", "y", {})], *ends, W))
    far = {**W, "far": np.float32(100)}
    rarely = sg.from_onnx(model([("MatMul", "x W", "m", {}), ("Min", "m far", "y", {})], *ends, far))
    assert sg.audit(plain, folded).outputs[0].startswith("y: apart by up to ")
    found = sg.audit(plain, rarely)
    assert not found and found.outputs[0].startswith("y: the same up to rounding (")
    assert found.outputs[0].endswith("they may still differ elsewhere")
    assert sg.audit(plain, plain).outputs == ()


def cell(after):
    """A step of a GRU in single operators, as exporters without a recurrent layer write it."""
    draw = np.random.default_rng(3)
    shapes = {"Wz": (4, 3), "Wr": (4, 3), "Wn": (4, 3), "Uz": (3, 3), "Ur": (3, 3), "Un": (3, 3), "bz": 3, "br": 3, "bn": 3,
              "cn": 3}
    nodes = [("MatMul", "x Wz", "xz", {}), ("MatMul", "h Uz", "hz", {}), ("Add", "xz hz", "z0", {}),
             ("Add", "z0 bz", "z1", {}), ("Sigmoid", "z1", "z", {}), ("MatMul", "x Wr", "xr", {}),
             ("MatMul", "h Ur", "hr", {}), ("Add", "xr hr", "r0", {}), ("Add", "r0 br", "r1", {}),
             ("Sigmoid", "r1", "r", {}), ("MatMul", "x Wn", "xn", {}), ("Add", "xn bn", "xb", {})]
    nodes += [("MatMul", "h Un", "hn", {}), ("Add", "hn cn", "hb", {}), ("Mul", "r hb", "m", {})] if after else [
        ("Mul", "r h", "rh", {}), ("MatMul", "rh Un", "ru", {}), ("Add", "ru cn", "m", {})]
    nodes += [("Add", "xb m", "n0", {}), ("Tanh", "n0", "n", {}), ("Sub", "h n", "d", {}), ("Mul", "z d", "zd", {}),
              ("Add", "n zd", "y", {})]
    return model(nodes, [("x", ["N", 4]), ("h", ["N", 3])], [("y", ["N", 3])],
                 {name: draw.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()})


@pytest.mark.parametrize("after", [True, False])
def test_a_gate_on_the_other_side_is_named_in_single_operators_too(after):
    found = sg.audit(sg.from_onnx(cell(after)), sg.from_onnx(called(cell(not after), "o")))
    assert not found and found.difference.step.number == 13
    assert "the reset gate) multiplies what the matrix product gives" in found.difference.reason
    assert sg.audit(sg.from_onnx(cell(after)), sg.from_onnx(called(cell(after), "o")))


def test_another_epsilon_is_a_formula():
    found = sg.audit(sg.from_onnx(normed(1e-5)), sg.from_onnx(called(normed(1e-3), "b_")))
    assert not found and found.difference.step.operator == "BatchNormalization"
    assert found.difference.attributes == ("attribute epsilon: 1e-05, there 0.001",)
    tiny = sg.audit(sg.from_onnx(normed(1e-6)), sg.from_onnx(normed(1e-7)))
    assert not tiny and tiny.difference.step.operator == "BatchNormalization"
    moved = sg.audit(sg.from_onnx(normed(1e-5)), sg.from_onnx(normed(1e-5, 0.5)))
    assert not moved and moved.difference.step.operator == "BatchNormalization"


def test_other_numbers_are_named():
    first, second = mlp(), mlp()
    weight = onnx.numpy_helper.to_array(second.graph.initializer[2]).copy()
    weight[1, 2] += 0.25
    second.graph.initializer[2].CopyFrom(onnx.numpy_helper.from_array(weight, "fc2.weight"))
    found = sg.audit(sg.from_onnx(first), sg.from_onnx(second))
    assert not found and found.difference.step.number == 3
    assert "the numbers of fc2.weight are not" in found.difference.reason
    assert found.weights[0].startswith("fc2.weight: 1 of 15, at most by 0.25, at (1, 2): ")


def decomposed():
    """The MLP as another exporter writes it: products with transposed weights, sums apart, tanh by exponentials."""
    values = {t.name: onnx.numpy_helper.to_array(t) for t in mlp().graph.initializer}
    values = {"w1": values["fc1.weight"].T, "b1": values["fc1.bias"], "w2": values["fc2.weight"].T, "b2": values["fc2.bias"],
              "two": np.float32(-2), "one": np.float32(1)}
    nodes = [("MatMul", "in w1", "p", {}), ("Add", "p b1", "a", {}), ("Constant", "", "m", {"value_float": -2.0}),
             ("Constant", "", "o", {"value_float": 1.0}), ("Mul", "a m", "c", {}), ("Exp", "c", "e", {}),
             ("Sub", "o e", "u", {}), ("Add", "o e", "d", {}), ("Div", "u d", "h", {}), ("MatMul", "h w2", "q", {}),
             ("Add", "q b2", "out", {})]
    return model(nodes, [("in", ["B", 4])], [("out", ["B", 3])],
                 {name: np.ascontiguousarray(v) for name, v in values.items() if np.ndim(v)})


def test_what_is_written_in_other_ways_is_equal():
    found = sg.audit(sg.from_onnx(mlp()), sg.from_onnx(decomposed()))
    assert found, str(found)


def test_a_square_weight_that_is_stored_transposed():
    weight, bias = rng.standard_normal((4, 4)).astype(np.float32), rng.standard_normal(4).astype(np.float32)
    ends = [("x", ["N", 4])], [("y", ["N", 4])]
    product = model([("MatMul", "x W", "a", {}), ("Add", "a b", "y", {})], *ends, {"W": weight, "b": bias})
    other = model([("Gemm", "x W b", "y", {"transB": 1})], *ends, {"W": np.ascontiguousarray(weight.T), "b": bias})
    assert sg.audit(sg.from_onnx(product), against=sg.from_onnx(other)).equal
    wrong = model([("MatMul", "x W", "a", {}), ("Add", "a b", "y", {})], *ends, {"W": np.ascontiguousarray(weight.T), "b": bias})
    found = str(sg.audit(sg.from_onnx(product), against=sg.from_onnx(wrong)))
    assert "differ first at step 1" in found and "here:  x W" in found and "there: x Wᵀ" in found


def test_another_activation_is_the_first_step_that_differs():
    made = mlp()
    made.graph.node[1].op_type = "Sigmoid"
    found = sg.audit(sg.from_onnx(mlp()), sg.from_onnx(called(made, "z")))
    assert not found and (found.difference.step.number, found.difference.other.number) == (2, 2)
    assert found.difference.attributes == ("operator Tanh, there Sigmoid",)


def test_networks_that_do_not_fit_and_what_is_no_network():
    with pytest.raises(sg.SymgradError, match="the input x has 2 axes in the first network, x in the second 3"):
        sg.audit(sg.from_onnx(mlp()), sg.from_onnx(gru(1)))
    with pytest.raises(sg.SymgradError, match="audit: give a network .* or the path of an ONNX file, not int"):
        sg.audit(3)


def run(*arguments):
    return CliRunner().invoke(cli, ["audit", *map(str, arguments)])


def test_the_command(tmp_path):
    a, b, c = (saved(made, tmp_path / name) for made, name in ((gru(1), "a.onnx"), (gru(0), "b.onnx"),
                                                               (called(gru(1), "c"), "c.onnx")))
    done = run(a)
    assert done.exit_code == 0 and "GRU 'n0'" in done.stdout
    assert run(a, "--against", c).exit_code == 0
    differs = run(a, "--against", b)
    assert differs.exit_code == 1 and "The networks differ first at step 1, GRU 'n0'" in differs.stdout
    for bad in (tmp_path / "none.onnx", tmp_path):
        wrong = run(bad)
        assert wrong.exit_code == 2 and wrong.stderr.startswith("Error: cannot read") and "Traceback" not in wrong.stderr
    (tmp_path / "cut.onnx").write_bytes(a.read_bytes()[:-40])
    wrong = run(a, "--against", tmp_path / "cut.onnx")
    assert wrong.exit_code == 2 and wrong.stderr.startswith("Error: ") and "Traceback" not in wrong.stderr


def test_what_is_not_read_is_listed(tmp_path):
    made = model([("Frobnicate", "x", "b", {"domain": "com.acme"}), ("Neg", "x", "y", {})], [("x", [2])],
                 [("y", [2]), ("b", [2])])
    done = run(saved(made, tmp_path / "a.onnx"))
    assert done.exit_code == 0 and "Not read:\n    operator Frobnicate, node 'n0'" in done.stdout
