"""Functions as graphs: large products by cuBLASLt, the rest as kernels, captured where sizes come again; on stand-ins for both."""

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor

import emulate
import fake_cublaslt
import fake_cupy
import numpy as np
import nvrtc
import pytest
from checker import near

import symgrad as sg
from symgrad.codegen.cuda import vessels


@pytest.fixture(autouse=True)
def library(monkeypatch):
    """Stand-ins in the places of CuPy and cuBLASLt; every product is better left to a library, from the first call on."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    for name, content in {"TOGETHER": [1], "ORDER": [emulate.RANDOM], "CUBLAS": [1], "LAUNCHED": []}.items():
        monkeypatch.setattr(fake_cupy, name, content)
    monkeypatch.setattr(vessels, "LIBRARY_WORK", -1)
    found, loaded = fake_cublaslt.Fake(fake_cupy), ctypes.CDLL
    monkeypatch.setattr(ctypes, "CDLL", lambda name, *more: found if "cublasLt" in str(name) else loaded(name, *more))
    found.cupy = fake_cupy.install(sys.modules)
    return found


def graph_of(inputs, outputs, **more):
    f = sg.function(inputs, outputs, backend="cupy", **more)
    f.module.PATIENCE[0], f.module.GRID_WORK = 0, -1
    return f


n, m = sg.dims("n m")
X, W, b = sg.data("X", (n, m)), sg.data("W", (m, 4)), sg.data("b", 4)
LAYER = sg.relu(X @ W + b)
TASK = [sg.sum(LAYER ** 2), sg.gradient(sg.sum(LAYER ** 2), W), X @ W, sg.tanh(X)]


def arrays(rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((rows, columns)), rng.standard_normal((columns, 4)), rng.standard_normal(4)


def test_a_product_with_its_gradient_is_that_of_numpy_and_launched_in_order(library):
    f, plain = graph_of([X, W, b], TASK), sg.function([X, W, b], TASK)
    results = []
    for call in range(3):
        at = arrays(5, 3, seed=call)
        results.append((f(*at), plain(*at)))
    for found, wanted in results:  # looked at in the end: no later call writes what an earlier one gave
        for have, want in zip(found, wanted, strict=True):
            near(have, want, 1e-12)
    each = [(5, 4, 3, 1, "", ""), (3, 4, 5, 1, "", "")]
    launches = [("product", *each[i]) if isinstance(i, int) else i for i in f.module.LAUNCHES]
    assert [i for i in launches if isinstance(i, tuple)] == [("product", *p) for p in each] and len(launches) > 3
    assert fake_cupy.LAUNCHED == 3 * launches and library.calls == 2 * each  # by itself, captured; then the graph alone


def test_the_last_sizes_keep_their_graphs(library, monkeypatch):
    f, plain = graph_of([X, W, b], TASK), sg.function([X, W, b], TASK)
    f.module.GRAPHS = 2
    f.module.PATIENCE[0] = 1

    def called(rows):
        at = arrays(rows, 3, rows)
        for have, want in zip(f(*at), plain(*at), strict=True):
            near(have, want, 1e-12)
        return {rows: type(made) is tuple for (rows, _), made in f.module.KERNELS.items()}

    assert called(2) == {2: False} and called(2) == {2: True}  # the plain function, until sizes come again
    called(3), called(3)
    assert called(2) == {3: True, 2: True} and called(4) == {3: True, 2: True, 4: False}
    assert called(4) == {3: False, 2: True, 4: True}
    assert called(3) == {2: True, 4: True, 3: False}, "its calls are counted anew"


def test_threads_take_turns(library):
    f, plain = graph_of([X, W, b], TASK[:3]), sg.function([X, W, b], TASK[:3])
    f(*arrays(5, 3))
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda seed: f(*arrays(5, 3, seed)), range(12)))
    for seed, found in enumerate(results):
        for have, want in zip(found, plain(*arrays(5, 3, seed)), strict=True):
            near(have, want, 1e-12)


def test_a_hessian_in_double_precision(library):
    A, w = sg.data("A", (7, 3)), sg.data("w", 3)
    loss = sg.sum(sg.log(1 + sg.exp(A @ w)))
    f = graph_of([A, w], [loss, sg.hessian(loss, w)])
    rng = np.random.default_rng(0)
    for _ in range(3):
        at = rng.standard_normal((7, 3)), rng.standard_normal(3)
        for have, want in zip(f(*at), sg.function([A, w], [loss, sg.hessian(loss, w)])(*at), strict=True):
            near(have, want, 1e-12)
    assert (f.module.COMPUTE, f.module.REAL_TYPE) == (70, 1)  # CUBLAS_COMPUTE_64F, CUDA_R_64F
    assert (3, 3, 7, 1, "", "") in library.calls


def test_where_nothing_can_be_captured_a_line_says_so_once(library, monkeypatch, capsys):
    def refused(stream, mode=None):
        raise RuntimeError("cudaErrorStreamCaptureUnsupported")

    monkeypatch.setattr(fake_cupy.Stream, "begin_capture", refused)
    f, at = graph_of([X, W, b], TASK), arrays(5, 3)
    for _ in range(3):
        for have, want in zip(f(*at), sg.function([X, W, b], TASK)(*at), strict=True):
            near(have, want, 1e-12)
    assert capsys.readouterr().err == ("no graph for {'n': 5, 'm': 3}: cudaErrorStreamCaptureUnsupported; "
                                       "its kernels are launched one by one\n")
    assert fake_cupy.LAUNCHED and not fake_cupy.CAPTURED


def test_without_a_way_the_plain_function_runs_and_a_line_says_why(library, capsys):
    library.refuses = True
    f, at = graph_of([X, W, b], TASK), arrays(5, 3)
    for _ in range(2):
        near(f(*at)[0], sg.function([X, W, b], TASK[0])(*at), 1e-12)
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith("no kernel for {'n': 5, 'm': 3}: ") and told.endswith(
        "cublasLtMatmulAlgoGetHeuristic gives status 15; the plain function runs instead")


def test_names_constants_and_integers_of_any_kind(library):
    """Inputs are called as the program's own, one is returned; a table is a constant; there are whole numbers and truths."""
    memory, starts, i = sg.data("memory", (3, 3)), sg.data("starts", (3, 4)), sg.data("i", 2, dtype="integer")
    table = sg.constant(np.arange(800.0).reshape(200, 4) / 800)
    outputs = {"graph": memory @ starts, "given": [memory, starts[1:] @ table.T, sg.sum(table[i]), memory > 0]}
    f, plain = graph_of([memory, starts, i], outputs), sg.function([memory, starts, i], outputs)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        at = rng.standard_normal((3, 3)), rng.standard_normal((3, 4)), rng.integers(0, 200, 2)
        have, want = f(*at), plain(*at)
        near(have["graph"], want["graph"], 1e-12)
        for one, two in zip(have["given"], want["given"], strict=True):
            assert np.asarray(one).dtype == np.asarray(two).dtype
            near(one, two, 1e-12)
    assert "constant" in str(f.module.KERNEL_ARRAYS)


def test_in_bfloat16_a_library_reads_copies_of_inputs(library):
    f = graph_of([X, W, b], X @ W, dtype="float32", precision="bfloat16")
    at = arrays(12, 40)
    for _ in range(3):
        found = np.asarray(f(*at))
    far = np.linalg.norm(found - at[0] @ at[1]) / np.linalg.norm(found)
    assert 1e-4 < far < 1e-2 and f.module.products_of(12, 40)[0][-2:] == (14, 0)


def test_the_vessel_and_its_reason_are_in_the_plan(library, monkeypatch):
    monkeypatch.setattr(vessels, "LIBRARY_WORK", 300_000_000)
    f = sg.function([X, W, b], TASK, backend="cupy", dtype="float32")
    large = sg.data("large", (1000, 1000))
    known = sg.function([large], large @ large, backend="cupy").phases
    xs = sg.data("xs", (4096, n))
    turn = sg.function([xs], sg.scan(lambda h, x: (sg.tanh(h @ h + x[0]), h), sg.zeros((n, n)), xs)[0], backend="cupy")
    assert f.phases.at(n=10, m=10).vessel == "grid"
    graph = f.phases.at(n=40000, m=1000)
    assert graph.vessel == "graph" and "2 products by cuBLASLt; captured once and launched for every call; chosen" in graph.note
    assert graph.note.splitlines()[0].endswith("a product of 320000000 operations is better left to cuBLASLt")
    assert f.phases.at(n=10, m=10, together=False).vessel == "graph" and known.vessel == "graph"
    assert str(turn.phases.at(n=1000)) == ("runs as plain steps of the array library: "
                                           "a product of 2000000000 operations is better left to cuBLASLt")


def test_a_compiler_for_cards_takes_the_text():
    f = graph_of([X, W, b], TASK)
    constants = "constexpr int n = 50;\nconstexpr int m = 30;\n"
    size, registers, spills, warnings = nvrtc.compiled(f"namespace program {{\n{constants}{f.module.GRAPH}}}\n")
    assert size and registers <= 255 and not spills and not warnings
