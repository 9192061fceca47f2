"""Steps as graphs: products by cuBLASLt, phases as kernels, captured once and launched for every step; on stand-ins for both.

What is launched is told in order, products are computed by NumPy from what ctypes hands over, kernels on the CPU.
"""

import ctypes
import sys

import emulate
import fake_cublaslt
import fake_cupy
import numpy as np
import nvrtc
import pytest
from checker import near
from kernels import ROOM, Trial
from networks import DATA, network, t, x
from trained import attention, images, normalised

import symgrad as sg
from symgrad.codegen.cuda import vessels

BATCH = 12


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """Stand-ins in the places of CuPy and cuBLASLt; the graph is the vessel of every step."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(fake_cupy, "SHARED", [ROOM])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [1])
    monkeypatch.setattr(fake_cupy, "ORDER", [emulate.RANDOM])
    monkeypatch.setattr(fake_cupy, "CUBLAS", [1])
    monkeypatch.setattr(fake_cupy, "LAUNCHED", [])
    monkeypatch.setattr(vessels, "LIBRARY_WORK", -1)  # else no batch of so small networks has a graph
    found, loaded = fake_cublaslt.Fake(fake_cupy), ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more: found if "cublasLt" in str(name) else loaded(name, *more))
    found.cupy = fake_cupy.install(sys.modules)
    return found


def program(loss, rule, dtype="float64", **more):
    module = sg.generate(loss, optimizer=rule, backend="cupy", dtype=dtype, **more).load()
    module.BLOCK_WORK = module.GRID_WORK = -1
    return module


def trained(loss, rule, data, steps=3, size=8, vessel=tuple):
    """Losses and states after some steps, by the graph and by NumPy."""
    module, numpy = program(loss, rule), sg.generate(loss, optimizer=rule, dtype="float64").load()
    order = np.random.default_rng(0).permutation(len(next(iter(data.values()))))[:steps * size]
    cupy = sys.modules["cupy"]
    state, wanted = module.begin(module.init(3)), numpy.begin(numpy.init(3))
    arrays = [np.asarray(data[name]) for name in numpy.DATA]
    found = [float(loss) for some in module.fused_steps(state, [cupy.asarray(a) for a in arrays], cupy.asarray(order), size, module.LR)
             for loss in some]
    near(found, [numpy.step(wanted, [a[order[k * size:k * size + size]] for a in arrays]) for k in range(steps)], 1e-11)
    for name, value in wanted["params"].items():
        near(state["params"][name].get(), value, 1e-10)
    assert all(type(made) is vessel for made in module.KERNELS.values())
    assert vessel is not tuple or all(type(made[0]) is module.CapturedGraph for made in module.KERNELS.values())
    return module


def test_what_is_launched_for_a_step_in_order(library):
    net = sg.nn.Sequential(sg.nn.Linear(5, 20), sg.nn.ReLU(), sg.nn.Linear(20, 3))
    module = trained(sg.losses.cross_entropy(net(x), t), sg.optim.Adam(0.01), DATA)
    launches = ["fetch", "run_phase_1", 0, "run_phase_2", 1, "run_phase_4", "run_phase_5", 2, 3, "run_phase_6", "run_phase_7",
                4, "run_update"]  # of the third phase nothing is left but its product
    assert list(module.LAUNCHES) == launches
    products = [(8, 20, 5, 1, "bias", ""), (8, 3, 20, 1, "bias", ""), (3, 20, 8, 1, "", ""), (8, 20, 3, 1, "", ""),
                (20, 5, 8, 1, "", "")]
    one_step = [each if isinstance(each, str) else ("product", *products[each]) for each in launches]
    assert fake_cupy.LAUNCHED == 3 * one_step and library.calls[:5] == library.calls[5:] == products  # by itself, captured


@pytest.mark.parametrize("made", [images, normalised])
def test_networks_train_as_in_numpy(made):
    loss, data = made()
    trained(loss, sg.optim.SGD(0.1, momentum=0.9), data)


def test_a_fit_is_that_of_numpy_with_masks_that_are_drawn(monkeypatch, capsys):
    net = sg.nn.Sequential(sg.nn.Linear(5, 6), sg.nn.ReLU(), sg.nn.Dropout(0.4), sg.nn.Linear(6, 3))
    loss = sg.losses.cross_entropy(net(x), t)
    monkeypatch.setattr(fake_cupy, "SHARED", [0])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [0])
    models = [sg.Model(loss, backend=backend, dtype="float64", seed=2) for backend in ("numpy", "cupy")]
    curves = [each.fit(DATA, sg.optim.SGD(0.1), epochs=2, batch_size=BATCH, progress=False).curves["loss"] for each in models]
    near(curves[1], curves[0], 1e-11)
    assert capsys.readouterr().err == "" and "run_update" in fake_cupy.LAUNCHED


def test_single_steps_are_captured_once_and_mix_with_plain_ones(library):
    module = program(network(sg.nn.Tanh())[0], sg.optim.Adam(0.02))
    batches = [[library.cupy.asarray(np.asarray(a)[k:k + BATCH]) for a in DATA.values()] for k in (0, BATCH, 2 * BATCH)]
    ends = []
    for order in ("ggg", "gpg", "ppp"):
        captured = len(library.calls)
        state = module.begin(module.init(0))
        for letter, batch in zip(order, batches, strict=True):
            (module.step if letter == "g" else module.plain_step)(state, batch)
        ends.append(state)
        if order == "ggg":  # launched once and captured once
            assert len(library.calls) - captured == 2 * len(module.products_of(BATCH))
    for state in ends[1:]:
        for name in ("theta", "g", "m", "v"):
            near(state[name].get(), ends[0][name].get(), 1e-12)


def test_where_nothing_can_be_captured_a_line_says_so_and_kernels_are_launched_one_by_one(library, monkeypatch, capsys):
    def refused(stream, mode=None):
        raise RuntimeError("cudaErrorStreamCaptureUnsupported")

    monkeypatch.setattr(fake_cupy.Stream, "begin_capture", refused)
    module = trained(network(sg.nn.Tanh())[0], sg.optim.Adam(0.02), DATA)
    state = module.begin(module.init(0))
    for _ in range(3):
        module.step(state, [library.cupy.asarray(np.asarray(a)[:BATCH]) for a in DATA.values()])
    told = capsys.readouterr().err.splitlines()
    why = "cudaErrorStreamCaptureUnsupported; its kernels are launched one by one"
    assert told == [f"no graph for {{'T': {n}}}: {why}" for n in (8, BATCH)]


@pytest.mark.parametrize("limits, kind", [((4e6, 3e8), 1), ((-1, 3e8), 3), ((-1, -1), 6)])  # blocks, on a card of three
def test_names_of_the_program_are_not_those_of_its_data(limits, kind, library):
    inputs = [sg.data(name, 2, over=sg.dim("T")) for name in ("order", "losses", "made", "memory", "arrays", "found")]
    W, b = sg.parameter("count", (2, 2)), sg.parameter("placed", 2)
    loss = sg.losses.squared_error(W @ (inputs[0] * inputs[1] + inputs[2]) + b, inputs[3] - inputs[4] * inputs[5])
    module, numpy = program(loss, sg.optim.SGD(0.1)), sg.generate(loss, optimizer=sg.optim.SGD(0.1), dtype="float64").load()
    module.BLOCK_WORK, module.GRID_WORK = limits
    arrays = [np.random.default_rng(k).standard_normal((8, 2)) for k in range(6)]
    given = [library.cupy.asarray(a) for a in arrays]
    state, wanted = module.begin(module.init(0)), numpy.begin(numpy.init(0))
    near(module.step(state, given).item(), numpy.step(wanted, arrays), 1e-12)
    found = next(module.fused_steps(state, given, library.cupy.asarray(np.arange(8)), 8, 0.1))
    near(found[0], numpy.step(wanted, arrays), 1e-12)
    assert [made[1] for made in module.KERNELS.values()] == [kind]


def test_a_label_out_of_range_is_told_and_nothing_is_learnt_from_it(library):
    module = program(network(sg.nn.Tanh())[0], sg.optim.Adam(0.02))
    data = {name: np.array(a) for name, a in DATA.items()}
    data["t"][BATCH] = 3
    state = module.begin(module.init(0))
    arrays = [library.cupy.asarray(a) for a in data.values()]
    with pytest.raises(ValueError, match=r"^t: labels must lie in 0\.\.2"):
        list(module.fused_steps(state, arrays, library.cupy.asarray(np.arange(40)), BATCH, 0.02))
    assert all(np.isfinite(value.get()).all() for value in state["params"].values())


W, b = sg.parameter("W", (4, 6)), sg.parameter("b", 4)
A = sg.data("A", (5, 6))
FORMS = {  # rows, columns, depth, how many, what is done at the entries
    "first": (A @ W.T, (5, 4, 6, 1, "", "")), "turned": (W @ A.T, (4, 5, 6, 1, "", "")),
    "part": (A[1:4, 2:] @ W[:, :4].T, (3, 4, 4, 1, "", "")), "affine": (A @ W.T + b, (5, 4, 6, 1, "bias", "")),
    "positive": (sg.relu(A @ W.T), (5, 4, 6, 1, "", "relu")),
    "both": (sg.relu(A @ W.T + b), (5, 4, 6, 1, "bias", "relu")), "every second": (A[:, ::2] @ W[:, ::2].T, None)}


@pytest.mark.parametrize("form", FORMS)
def test_where_matrices_lie_and_what_is_done_at_their_entries(form, library):
    value, told = FORMS[form]
    value = sg.stop_gradient(value) if "relu" in (told or ()) else value  # else a derivative asks for what was before
    loss = sg.sum(value * sg.tanh(value)) + sg.sum(W * W) + sg.sum(b * b)
    module = program(loss, sg.optim.SGD(0.01)) if told else None
    if told is None:
        source = sg.generate(loss, optimizer=sg.optim.SGD(0.01), backend="cupy", dtype="float64")
        assert all(unit.kind != "library" for unit in source.phases.units)
        return
    rng = np.random.default_rng(0)
    numpy = sg.generate(loss, optimizer=sg.optim.SGD(0.01), dtype="float64").load()
    at = {"A": rng.standard_normal((5, 6))}
    state, wanted = module.begin(module.init(1)), numpy.begin(numpy.init(1))
    loss = module.step(state, [library.cupy.asarray(at[name]) for name in numpy.DATA])
    near(loss.item(), numpy.step(wanted, [at[name] for name in numpy.DATA]), 1e-12)
    assert told in library.calls, library.calls


def test_stacks_of_matrices(library):
    loss, data = attention()
    module = trained(loss, sg.optim.SGD(0.1), data)
    stacks = [call for call in library.calls if call[3] > 1]
    assert (4, 4, 5, 8, "", "") in stacks and (4, 5, 4, 8, "", "") in stacks and len(module.products_of(8)) > 6


def test_the_vessel_and_its_reason_are_in_the_plan(library, capsys):
    net = sg.nn.Sequential(sg.nn.Linear(784, 1024), sg.nn.ReLU(), sg.nn.Linear(1024, 10))
    image, digit = sg.data("image", 784, over=sg.dim("T")), sg.labels("digit", 10, over=sg.dim("T"))
    source = sg.generate(sg.losses.cross_entropy(net(image), digit), optimizer=sg.optim.SGD(0.1), backend="cupy")
    grid, graph = source.phases.at(T=16), source.phases.at(T=512)
    assert (grid.vessel, graph.vessel) == ("grid", "graph") and graph.units != grid.units
    assert "chosen because the largest product has 25690112 operations" in grid.note
    assert "5 products by cuBLASLt; captured once and launched for every step; chosen because" in graph.note
    assert graph.note.endswith("a product of 822083584 operations is better left to cuBLASLt")
    assert source.phases.at(T=16, together=False).vessel == "graph"
    assert "other sizes may take graph: at(T=...) says which, and why" in str(source.phases)
    with pytest.raises(sg.BackendError, match="this plan depends on T; given are none"):
        source.phases.at()
    module = sg.generate(network(sg.nn.ReLU())[0], optimizer=sg.optim.SGD(0.1), backend="cupy").load()
    assert module.vessel_for((8,), ROOM)[0] == "block" and module.vessel_for((8,), 100)[0] == "grid"
    module.BLOCK_WORK = module.GRID_WORK = -1
    library.refuses = True
    state = module.begin(module.init(0))
    module.step(state, [library.cupy.asarray(np.asarray(a)[:BATCH]) for a in DATA.values()])
    told = capsys.readouterr().err
    assert "cublasLtMatmulAlgoGetHeuristic gives status 15; the plain step runs instead" in told


def test_in_bfloat16_a_library_reads_copies_of_parameters_and_results_of_products(library):
    net = sg.nn.Sequential(sg.nn.Linear(5, 24), sg.nn.ReLU(), sg.nn.Linear(24, 24), sg.nn.Tanh(), sg.nn.Linear(24, 3))
    loss = sg.losses.cross_entropy(net(x), t)
    module = program(loss, sg.optim.SGD(0.1), "float32", precision="bfloat16")
    numpy = sg.generate(loss, optimizer=sg.optim.SGD(0.1)).load()
    state, wanted = module.begin(module.init(1)), numpy.begin(numpy.init(1))
    order, arrays = np.arange(36) * 7 % 40, [np.asarray(a) for a in DATA.values()]
    arrays = [a.astype(np.float32) if a.dtype.kind == "f" else a for a in arrays]
    found = [v for some in module.fused_steps(state, [library.cupy.asarray(a) for a in arrays], library.cupy.asarray(order),
                                              BATCH, 0.1) for v in some]
    exact = [float(numpy.step(wanted, [a[order[k * BATCH:k * BATCH + BATCH]] for a in arrays])) for k in range(3)]
    far = np.abs(np.subtract(found, exact)).max()
    assert 1e-6 < far < 2e-2, (found, exact)
    for name, value in wanted["params"].items():
        np.testing.assert_allclose(state["params"][name].get(), value, rtol=0.05, atol=5e-3)
    kinds = [product[-2:] for product in module.products_of(BATCH)]
    assert {first for first, _ in kinds} == {14} and [into for _, into in kinds].count(0) == 3  # gradients of parameters
    source = sg.generate(loss, optimizer=sg.optim.SGD(0.1), backend="cupy", precision="bfloat16")
    assert "products round their operands to bfloat16, and matrices in between are stored so" in source.phases.at(T=8).note


@pytest.mark.parametrize("precision, compute", [("float32", 68), ("tf32", 77), ("bfloat16", 68)])
def test_precisions_are_those_of_the_library(precision, compute, library):
    module = program(network(sg.nn.ReLU())[0], sg.optim.SGD(0.1), "float32", precision=precision)
    assert (module.COMPUTE, module.REAL_TYPE) == (compute, 0)
    assert program(network(sg.nn.ReLU())[0], sg.optim.SGD(0.1)).COMPUTE == 70


def test_a_compiler_for_cards_takes_the_text():
    trial = Trial(network(sg.nn.GELU())[0], sg.optim.Adam(0.01), DATA, 8, vessel="graph")
    size, registers, spills, warnings = nvrtc.compiled(trial.text)
    assert size and registers <= 255 and not spills and not warnings
