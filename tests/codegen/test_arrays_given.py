"""Arrays as they come, to every backend: any dtype, layout and address gives the same results; what does not fit is refused."""

import threading

import numpy as np
import pytest
from checker import near

import symgrad as sg
from symgrad.codegen.c import runtime as c_runtime

BACKENDS = ["numpy", "c"]
n, d = sg.dims("n d")
X, w, i, m = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("i", n, dtype="integer"), sg.data("m", n, dtype="boolean")
OUTPUTS = [X @ w, X.T @ X, sg.tanh(X) * w, sg.sum(X, axis=0), sg.gradient(sg.sum(sg.exp(-(X @ w) ** 2)), w), i * 2,
           sg.where(m, X[:, 0], w[0]), X[::-1, 0] + i]
RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((6, 4)), RNG.standard_normal(4), np.arange(6) - 3, np.arange(6) % 2 == 0


def unaligned(a):
    """The same entries one byte beside a fitting address."""
    room = np.empty(a.nbytes + 1, np.uint8)
    result = room[1:].view(a.dtype).reshape(a.shape)
    result[...] = a
    assert not result.flags.aligned or a.itemsize == 1
    return result


def spread(a):
    """Every second entry of a larger array, along all axes."""
    room = np.zeros([2 * s for s in a.shape], a.dtype)
    result = room[(slice(None, None, 2),) * a.ndim]
    result[...] = a
    return result


def reversed_in_memory(a):
    flip = (slice(None, None, -1),) * a.ndim
    return a[flip].copy()[flip]


def frozen(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "Fortran": np.asfortranarray, "every second": spread, "negative strides": reversed_in_memory, "read-only": frozen,
    "unaligned": unaligned, "other byte order": lambda a: a.astype(a.dtype.newbyteorder()), "nested lists": np.ndarray.tolist,
    "memory map": lambda a: a.view(np.memmap), "matrix or subclass": lambda a: a.view(type("Own", (np.ndarray,), {})),
}


@pytest.fixture(scope="module", params=[(b, t) for b in BACKENDS for t in ("float64", "float32")], ids=" ".join)
def f(request):
    backend, dtype = request.param
    return sg.function([X, w, i, m], OUTPUTS, backend=backend, dtype=dtype)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_changes_no_result(f, layout):
    wanted, tolerance = f(*VALUES), 1e-6 if f.dtype == "float32" else 1e-14  # BLAS sums in the order of memory
    given = [LAYOUTS[layout](a) for a in VALUES]
    before = [np.array(a) for a in given]
    for have, want in zip(f(*given), wanted, strict=True):
        near(have, want, tolerance)
        assert have.dtype == want.dtype
    for a, b in zip(given, before, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint16", "int64", "bool"])
def test_real_inputs_take_any_real_dtype(f, dtype):
    given = [(10 * a).astype(dtype) for a in VALUES[:2]]
    for have, want in zip(f(*given, *VALUES[2:]), f(*(a.astype("f8") for a in given), *VALUES[2:]), strict=True):
        np.testing.assert_array_equal(have, want)


def test_one_entry_stretched_over_an_array(f):
    stretched = np.broadcast_to(np.float64(0.5), (6, 4))
    for have, want in zip(f(stretched, *VALUES[1:]), f(stretched.copy(), *VALUES[1:]), strict=True):
        near(have, want, 1e-6)


@pytest.mark.parametrize("place, value, said", [
    (0, VALUES[0] + 1j, "X: expected real numbers, got complex"), (0, np.zeros((6, 5)), "d is 5 at axis 1 of X and 4 at axis 0 of w"),
    (0, np.zeros(6), "with 1 axes instead of 2"), (1, np.array(["a"] * 4), "w: expected real numbers"),
    (2, VALUES[2] * 1.0, "i: expected integers"), (3, np.ones(6), "m: expected booleans"),
    (2, np.zeros(5, int), "axis 0 of i"), (1, np.zeros((4, 1)), "with 2 axes instead of 1"),
    (0, np.array([[None] * 4] * 6), "X: expected real numbers")])
def test_what_does_not_fit_is_refused_by_name(f, place, value, said):
    given = [*VALUES[:place], value, *VALUES[place + 1:]]
    with pytest.raises(sg.DataError) as caught:
        f(*given)
    assert said in str(caught.value)


def test_threads_share_a_function_at_sizes_of_their_own(f):
    sizes = range(1, 40)
    given = {s: (RNG.standard_normal((s, 4)), VALUES[1], np.arange(s), np.arange(s) % 3 == 0) for s in sizes}
    wanted = {s: f(*given[s]) for s in sizes}
    wrong = []

    def work(step):
        for turn in range(3 * len(sizes)):
            s = 1 + turn * step % len(sizes)
            for have, want in zip(f(*given[s]), wanted[s], strict=True):
                if not np.array_equal(have, want):
                    wrong.append(s)

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 5, 7, 11)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


# training steps -------------------------------------------------------------------------------------------------


def training(backend):
    """A program that trains a small network."""
    T = sg.dim("T")
    x, t = sg.data("x", 5, over=T), sg.labels("t", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(5, 4), sg.nn.Tanh(), sg.nn.Linear(4, 3))
    loss = sg.empirical_risk(sg.losses.cross_entropy(net(x), t))
    return sg.generate(loss, optimizer=sg.optim.SGD(0.1), backend=backend, dtype="float32").load()


@pytest.fixture(scope="module", params=BACKENDS)
def module(request):
    return training(request.param)


def test_a_step_takes_a_batch_of_any_layout(module):
    x, t = RNG.standard_normal((8, 5)).astype("f4"), np.arange(8) % 3

    def trained(*batch):
        state = module.begin(module.init(0))
        return [module.step(state, batch) for _ in range(3)]

    wanted = trained(x, t)
    for layout in ("Fortran", "every second", "negative strides", "read-only", "unaligned"):
        near(trained(LAYOUTS[layout](x), LAYOUTS[layout](t)), wanted, 1e-6)
    if module.step.__name__ == "compiled_step":  # C reads bytes: another dtype is converted
        near(trained(x.astype("f8"), t.astype("i4")), wanted, 1e-5)


@pytest.mark.parametrize("batch", [((8, 4), 8), ((8, 5), 4), ((8, 6), 8), ((8, 5, 1), 8)])
def test_a_step_refuses_a_batch_of_another_shape(module, batch):
    state = module.begin(module.init(0))
    with pytest.raises((ValueError, IndexError)):
        module.step(state, (np.zeros(batch[0], "f4"), np.zeros(batch[1], int)))


def test_a_step_in_c_names_the_shapes():
    module = training("c")
    assert module.step is module.compiled_step
    with pytest.raises(ValueError, match="the batch does not fit: x: axis 1 has length 4, not 5"):
        module.step(module.begin(module.init(0)), (np.zeros((8, 4), "f4"), np.zeros(8, int)))
    with pytest.raises(ValueError, match="the batch does not fit: .*: float64 values, but int64 is needed"):
        module.step(module.begin(module.init(0)), (np.zeros((8, 5), "f4"), np.zeros(8)))


def test_a_damaged_file_in_the_cache_is_compiled_again(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    text = "void bind(int kind, void *gemv) {}\nint answer(void) { return 42; }\n"
    compile_, paths = c_runtime._compile, []

    def counted(command, text):
        paths.append(command)
        return compile_(command, text)

    monkeypatch.setattr(c_runtime, "_compile", counted)
    assert c_runtime.compiled(text).answer() == 42 and len(paths) == 1
    (path,) = (tmp_path / "symgrad").iterdir()
    content = path.read_bytes()
    half = len(content) // 2
    for k, damaged in enumerate((b"", content[:1000], content[:half], content[:-1], content[:half] + b"\xff" * 9 + content[half + 9:],
                                 b"no library", bytes(len(content))), 2):
        path.unlink()  # the old file is mapped still
        path.write_bytes(damaged)
        assert c_runtime.compiled(text).answer() == 42 and len(paths) == k
        assert c_runtime.compiled(text).answer() == 42 and len(paths) == k, "the good one is kept"
    assert [p.read_bytes() for p in (tmp_path / "symgrad").iterdir()] == [content]
