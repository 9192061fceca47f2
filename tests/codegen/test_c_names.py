"""Names of symbols, sizes and parameters in C: whatever they are called, the program computes the same."""

import re
import shutil
import subprocess

import numpy as np
import pytest

import symgrad as sg
from symgrad.codegen.c.names import KEYWORDS, OWN, PREDEFINED, CIdentifiers, c_identifier, taken_in_c
from symgrad.codegen.c.prelude import prelude

HOSTILE = sorted({
    "linux", "unix", "typeof", "asm", "_Bool", "_Complex", "M_PI", "M_E", "M_PIf64x", "SIZE_MAX", "INT32_MAX", "HUGE_VAL",
    "HUGE_VALF", "HUGE_VALL", "__FILE__", "__LINE__", "_Generic", "NAN", "INFINITY", "NULL", "math", "_c", "_rows", "_address",
    "_refuse", "_table", "slot", "errno", "real", "main", "isinf", "at5", "i8", "pool1", "room1", "work", "given", "v1", "x", "x_",
    "x__", "_x", "__", "f_0", "f_room", "result1", "EXIT_FAILURE", "WNOHANG", "BYTE_ORDER", "maximum", "bool", "true", "nullptr",
    "β", "Δx", "memcpy", "y0", "index", "signgam", *KEYWORDS, *PREDEFINED, *OWN})


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")
@pytest.mark.parametrize("mode", ["gnu17", "c11", "gnu2x"])
@pytest.mark.parametrize("more", [[], ["-D_GNU_SOURCE"]], ids=["plain", "gnu source"])
def test_no_macro_of_the_headers_is_a_name(mode, more):
    """All that this machine's compiler predefines, and all that the headers of our texts define."""
    names = ("math", "stdint", "stdlib", "string", "pthread", "sched", "unistd")
    headers = "".join(f"#include <{name}.h>\n" for name in names)
    done = subprocess.run(["cc", f"-std={mode}", *more, "-dM", "-E", "-x", "c", "-"], input=headers, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    macros = {line.split()[1].partition("(")[0] for line in done.stdout.splitlines()}
    assert len(macros) > 300 and "HUGE_VAL" in macros
    assert sorted(name for name in macros if not taken_in_c(name)) == []
    assert macros.isdisjoint(map(c_identifier, macros))


def test_no_macro_of_our_own_is_a_name():
    text = prelude(True, ["contract", "rearrange", "rows", "lapack"])
    macros = set(re.findall(r"#define (\w+)", text))
    assert {"LARGE", "TALL", "GET", "LONG"} <= macros
    assert sorted(name for name in macros if not taken_in_c(name)) == []


def test_what_is_harmless_stays_as_it_is():
    plain = ["X", "w", "W1", "W_1", "G_W1", "a2", "theta", "beta_1", "scores", "Sigma", "AB", "XW", "L", "T", "n", "total_loss"]
    assert [c_identifier(name) for name in plain] == plain


def test_beside_a_name_nothing_has_its_underscore():
    scope = CIdentifiers()
    assert [scope.fresh(name) for name in ("x", "x_", "x", "real", "real_")] == ["x", "x_2", "x2", "real_", "real_2"]


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 45))
def test_functions_of_any_names_are_those_of_numpy(start):
    names = HOSTILE[start:start + 45]
    n = sg.dim(names[-1])
    symbols = [sg.data(name, n if k % 3 else ()) for k, name in enumerate(names)]
    R = np.random.default_rng(start)
    arrays = [R.standard_normal(5 if k % 3 else ()) for k in range(len(names))]
    value = sum(sg.sum(sg.tanh(s) * s * k + sg.exp(s)) for k, s in enumerate(symbols))
    outputs = [value, sum(symbols), *sg.gradient(value, symbols), sg.sum(symbols[1] * value).named(names[0])]
    f = sg.function(symbols, outputs, backend="c")
    assert f.backend == "c"
    for found, wanted in zip(f(*arrays), sg.function(symbols, outputs)(*arrays), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 45))
def test_programs_of_any_names_train_as_numpys(start):
    names = HOSTILE[start:start + 45]
    x = sg.data(names[0], 2, over=sg.dim(names[1]))
    w = [sg.parameter(name, 2) for name in names[2:]]
    loss = sg.mean(sum(sg.sum((p * sg.tanh(x) - x * (k % 5)) ** 2) for k, p in enumerate(w)))
    batch, ends = [np.random.default_rng(1).standard_normal((6, 2))], []
    for backend in ("numpy", "c"):
        module = sg.generate(loss, optimizer=sg.optim.Adam(0.1), backend=backend, dtype="float64").load()
        state = module.begin(module.init(0))
        ends.append([module.step(state, batch) for _ in range(3)])
    assert module.step is module.compiled_step
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-10)
