"""What only a card can show: the kernels on it, their bits from run to run, steps a launch. Skipped where there is none.

    python -m pytest -q tests/gpu             on the card; then, where it is there, `compute-sanitizer` around the same
    python tests/benchmarks/race.py --gpu     how fast, against PyTorch and JAX
"""

import numpy as np
import pytest
from checker import near
from networks import DATA, RULES, network
from operation_table import ROWS
from together import outputs_of
from trained import attention, images, recurrent, regression, tokens

import symgrad as sg
from symgrad.codegen.cuda import vessels


def card():
    try:
        import cupy
        return cupy.cuda.is_available()
    except ImportError:
        return False


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not card(), reason="needs an NVIDIA GPU and CuPy")]
LINEAR = ("inv", "solve", "det", "cholesky", "Gaussian")  # their sizes are symbols here


def program(loss, rule, dtype="float32"):
    return sg.generate(loss, optimizer=rule, backend="cupy", dtype=dtype).load()


def run(module, data, size, steps=20, vessel=None):
    """Losses and theta after some steps; `vessel`: no other one is taken."""
    import cupy as cp

    if vessel in ("grid", "graph"):
        module.BLOCK_WORK = -1
    if vessel == "graph":
        module.GRID_WORK = -1
    state = module.begin(module.init(3))
    arrays = [cp.asarray(np.ascontiguousarray(data[name], np.float32 if data[name].dtype.kind == "f" else np.int64))
              for name in module.DATA]
    order = cp.asarray(np.random.default_rng(0).integers(0, len(arrays[0]), steps * size))
    losses = [loss for some in module.fused_steps(state, arrays, order, size, module.LR) for loss in some]
    assert all(made is not None for made in module.KERNELS.values())
    assert vessel != "graph" or all(type(made[0]) is module.CapturedGraph for made in module.KERNELS.values())
    return losses, state["theta"].get()


@pytest.mark.parametrize("vessel", ["block", "grid", "graph"])
@pytest.mark.parametrize("made", [attention, images, recurrent, regression, tokens])
def test_steps_are_those_of_numpy_and_the_same_in_every_run(made, vessel, monkeypatch):
    if vessel == "graph" and made is recurrent:
        pytest.skip("a recurrence stays in one kernel")
    monkeypatch.setattr(vessels, "LIBRARY_WORK", -1)  # else no batch of so small networks has a graph
    loss, data = made()
    rule = sg.optim.SGD(0.1, momentum=0.9)
    first, second = (run(program(loss, rule), data, 8, vessel=vessel) for _ in range(2))
    assert first[0] == second[0] and np.array_equal(first[1], second[1])
    numpy = sg.generate(loss, optimizer=rule, dtype="float32").load()
    state, order = numpy.begin(numpy.init(3)), np.random.default_rng(0).integers(0, len(next(iter(data.values()))), 160)
    arrays = [np.asarray(data[name], np.float32 if data[name].dtype.kind == "f" else None) for name in numpy.DATA]
    wanted = [numpy.step(state, [a[order[k * 8:k * 8 + 8]] for a in arrays]) for k in range(20)]
    np.testing.assert_allclose(first[0], wanted, 1e-3, 1e-5)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_every_rule(rule):
    models = [sg.Model(network(sg.nn.ReLU())[0], backend=backend, dtype="float64", seed=4) for backend in ("numpy", "cupy")]
    curves = [model.fit(DATA, rule, epochs=4, batch_size=12, progress=False).curves["loss"] for model in models]
    near(curves[1], curves[0], 1e-7)


@pytest.mark.parametrize("start", range(0, len(ROWS), 60))
def test_operations_as_kernels(start):
    rows = [row for row in ROWS[start:start + 60] if "samples" not in row.skip and not any(w in row.name for w in LINEAR)]
    outputs, at = outputs_of(rows, "samples")
    f = sg.function(list(at), outputs, backend="cupy")
    f.module.PATIENCE[0] = 0
    for a, b in zip(f(*at.values()), sg.function(list(at), outputs)(*at.values()), strict=True):
        near(a, b, 1e-9)
    assert all(type(made) is tuple for made in f.module.KERNELS.values())


@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-3), ("float64", 1e-11)])
def test_functions_with_large_products_are_graphs_with_the_same_bits_in_every_call(dtype, tolerance):
    n = sg.dim("n")
    A, w = sg.data("A", (n, 256)), sg.data("w", 256)
    loss = sg.sum(sg.log(1 + sg.exp(A @ w)))
    outputs = [loss, sg.gradient(loss, w), sg.hessian(loss, w)]
    f = sg.function([A, w], outputs, backend="cupy", dtype=dtype)
    f.module.PATIENCE[0] = 0
    rng = np.random.default_rng(0)
    for rows in (4000, 5000):
        at = rng.standard_normal((rows, 256)), 0.01 * rng.standard_normal(256)
        found = [f(*at) for _ in range(3)]
        for k, want in enumerate(sg.function([A, w], outputs)(*at)):
            assert all(np.array_equal(each[k], found[0][k]) for each in found)
            near(found[0][k], want, tolerance)
        assert type(f.module.KERNELS[rows,][0]) is f.module.CapturedGraph


def test_a_label_out_of_range_is_found_on_the_card():
    loss, data = tokens()
    with pytest.raises(ValueError, match=r"t: labels must lie in 0\.\.3"):
        run(program(loss, sg.optim.SGD(0.1)), {**data, "t": np.full(24, 4)}, 8)
