"""What a compiler, a cache folder, many axes and many arrays can do to C: it works, or NumPy computes, with one line."""

import os
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

import symgrad as sg
from symgrad.codegen.c import runtime
from symgrad.codegen.python.job import Job
from symgrad.computing.backends import BACKENDS

TEXT = "void bind(int kind, void *gemv) {}\nint answer(void) { return 42; }\n"


def script(path, text):
    path.write_bytes(b"#!/bin/sh\n" + text)
    path.chmod(0o755)
    return str(path)


def doubled(capsys, backend="c"):
    v = sg.data("v", 3)
    f = sg.function([v], v * 2.5, backend="c")
    np.testing.assert_array_equal(f([1, 2, 3]), [2.5, 5, 7.5])
    return f.backend, capsys.readouterr().err


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "symgrad"


@pytest.mark.parametrize("said, words", [
    (b"exit 1", "it ended with status 1 and wrote no library"),
    (b"exit 0", "it ended with status 0 and wrote no library"),
    (b"echo code.c: note >&2; echo code.c:1: error: no such thing >&2; echo error: more >&2; exit 1", "code.c:1: error: no such thing"),
    (b"printf 'error: \\377\\376 \\303' >&2; exit 1", "error: "),
    (b"yes 'error: a page of it' | head -500 >&2; exit 1", "error: a page of it"),
])
def test_where_the_compiler_fails_numpy_computes_with_one_line(said, words, cache, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", script(tmp_path / "cc", said))
    backend, line = doubled(capsys)
    assert backend == "numpy" and line.count("\n") == 1 and len(line) < 400
    assert line.startswith("symgrad: backend 'c': ") and f"could not compile the generated C: {words}" in line
    assert line.endswith("; NumPy computes instead\n")
    assert not list(cache.glob("*"))


@pytest.mark.parametrize("command", ["", "'gcc", "/no/such/compiler -O1"])
def test_where_there_is_no_compiler_numpy_computes(command, cache, monkeypatch, capsys):
    monkeypatch.setenv("CC", command or "no-such-compiler")
    backend, line = doubled(capsys)
    assert (backend, line) == ("numpy", f"symgrad: {runtime.NO_COMPILER}; NumPy computes instead\n")


def test_what_cannot_be_run_is_no_compiler(cache, tmp_path, monkeypatch, capsys):
    (tmp_path / "cc").write_bytes(b"\x7fELF nothing")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("CC", str(tmp_path / "cc"))
    backend, line = doubled(capsys)
    assert backend == "numpy" and "cannot be run" in line and line.count("\n") == 1


@pytest.mark.parametrize("words", ["cc -O1", "{wrapper} cc", "{wrapper} cc -O1 -DNOTHING='b c'"])
def test_a_command_of_several_words_is_a_compiler(words, cache, tmp_path, monkeypatch, capsys):
    wrapper = script(tmp_path / "cached cc", b'echo "$@" >> "$0.log"\nexec "$@"')
    monkeypatch.setenv("CC", words.format(wrapper=f"'{wrapper}'"))
    assert doubled(capsys) == ("c", "")
    if "wrapper" in words:
        assert " -O3 " in (tmp_path / "cached cc.log").read_text()


def test_a_failing_compiler_is_told_by_backend_and_by_programs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CC", script(tmp_path / "cc", b"echo 'x.c:3: error: bad' >&2; exit 1"))
    row = BACKENDS["c"]
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    job = Job(row.module(), "f", [("x", x.node)], [("y", sg.tanh(x).node)])
    with pytest.raises(sg.BackendError, match="^backend 'c': .*could not compile the generated C: x.c:3: error: bad$"):
        row.loaded(row.text(job.module, [row.function(job)], None), {})
    module = sg.generate(sg.sum((x - w) ** 2), backend="c").load()
    assert module._c is None and capsys.readouterr().err.endswith("x.c:3: error: bad; NumPy computes instead\n")


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_folder_that_others_may_write_to_is_not_used(mode, cache, capsys):
    cache.mkdir()
    cache.chmod(mode)
    assert doubled(capsys) == ("c", "") and not list(cache.iterdir())


def test_the_cache_is_closed_to_others(cache):
    runtime.compiled(TEXT)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert runtime._folder() == str(cache) != runtime._private()
    assert stat.S_IMODE(os.stat(runtime._private()).st_mode) == 0o700


def test_a_cache_of_somebody_else_is_not_used(cache, monkeypatch):
    cache.mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: cache.stat().st_uid + 1)
    assert runtime.compiled(TEXT).answer() == 42 and not list(cache.iterdir())


def test_where_nothing_can_be_kept_a_private_folder_serves(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert doubled(capsys) == ("c", "")
    real = runtime.tempfile.mkstemp

    def full(suffix, dir):
        if dir == runtime._private():
            return real(suffix, dir=dir)
        raise OSError("no space left")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "full"))
    monkeypatch.setattr(runtime.tempfile, "mkstemp", full)
    assert runtime.compiled(TEXT).answer() == 42 and not list((tmp_path / "full" / "symgrad").iterdir())


def test_threads_may_compile_the_same_text_at_once(cache):
    results = []
    threads = [threading.Thread(target=lambda: results.append(runtime.compiled(TEXT).answer())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [42] * 8 and [path.suffix for path in cache.iterdir()] == [".so"]


def test_the_private_folder_goes_with_the_process(tmp_path):
    (tmp_path / "file").write_text("no folder")
    code = ("import numpy as np, symgrad as sg; v = sg.data('v', 3); f = sg.function([v], v * 1.5, backend='c'); "
            "print(f.backend, f(np.ones(3)), f.module._private())")
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "file")},
                          capture_output=True, text=True)
    *said, folder = done.stdout.split()
    assert said == ["c", "[1.5", "1.5", "1.5]"] and not os.path.exists(folder), done.stderr


@pytest.mark.parametrize("rank", [8, 9, 12])
def test_any_number_of_axes(rank):
    x, y = sg.data("x", (2,) * (rank - 1) + (3,)), sg.data("y", (2,) * (rank - 1) + (3,))
    k, A = sg.labels("k", 2, over=sg.dim("T")), sg.data("A", (2,) * (rank - 2) + (2, 2))
    turned = sg.transpose(x, tuple(range(rank))[::-1])
    value = sg.sum(sg.tanh(turned) * sg.transpose(y, tuple(range(rank))[::-1]))
    outputs = [value, sg.gradient(value, x), sg.sum(x, axis=1), sg.max(x, axis=rank - 2), sg.cumsum(x, axis=2), sg.argmax(x, axis=0),
               x[1], x[..., ::-1], sg.concatenate([x, y], axis=3), sg.sum(x * y), sg.where(x > y, x, 0), sg.inv(A + 3 * sg.eye(2)),
               A @ sg.data("v", 2), x[k], sg.reshape(turned, (-1,)) if rank < 10 else turned * 2]
    inputs = [x, y, k, A, sg.data("v", 2)]
    rng = np.random.default_rng(rank)
    arrays = [rng.standard_normal(x.shape), rng.standard_normal(x.shape), np.array([1, 0, 1]), rng.random(A.shape), np.ones(2)]
    outputs[-3] = A @ inputs[-1]
    for found, wanted in zip(sg.function(inputs, outputs, backend="c")(*arrays), sg.function(inputs, outputs)(*arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


def test_more_arrays_than_a_call_takes_arguments():
    count = 640
    x = [sg.parameter(f"x{k}", 2 if k % 3 else ()) for k in range(count)]
    loss = sum(sg.sum(sg.tanh(p) * (k % 7 - 3)) for k, p in enumerate(x))
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(p.shape) for p in x]
    f = sg.function(x, [loss, *sg.gradient(loss, x)], backend="c")
    assert f.backend == "c" and "void *const *given" in f.source
    for found, wanted in zip(f(*arrays), sg.function(x, [loss, *sg.gradient(loss, x)])(*arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    f = sg.function([*x[:3]], [sg.sum(p) for p in x[:3]], backend="c")
    assert "given" not in f.source


def test_a_step_of_more_arrays_than_a_call_takes_arguments():
    count = 502
    x = sg.data("x", 2, over=sg.dim("T"))
    w = [sg.parameter(f"w{k}", 2) for k in range(count)]
    loss = sg.mean(sum(sg.sum((p - x * (k % 5)) ** 2) for k, p in enumerate(w)))
    batch, start = [np.random.default_rng(1).standard_normal((6, 2))], None
    ends = []
    for backend in ("numpy", "c"):
        module = sg.generate(loss, optimizer=sg.optim.SGD(0.1), backend=backend, dtype="float64").load()
        start = start or module.init(0)
        state = module.begin(start)
        ends.append([module.step(state, batch) for _ in range(3)])
    assert module.step is module.compiled_step
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-12)
