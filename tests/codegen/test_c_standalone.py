"""C that stands alone: no warning, no Python, the same numbers; called from C, and refused where it cannot be."""

import ctypes
import itertools
import re
import shutil
import subprocess

import numpy as np
import pytest
from click.testing import CliRunner
from support.checker import near
from support.operation_table import ROWS
from support.together import outputs_of

import symgrad as sg
from symgrad.codegen.c.standalone import standalone
from symgrad.codegen.python.job import Job
from symgrad.computing.backends import BACKENDS
from symgrad.graphs.rewrites.stable import stabilise
from symgrad.shell.cli import cli

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")
STRICT = ["-Wall", "-Wextra", "-Werror", "-O1"]
TOGETHER = 24
PLAIN = re.compile("det|inv|solve|cofactor|prod|sort|topk|quantile|median|eig|svd|qr|lstsq")  # rows that only NumPy computes
MAIN = """\
#include <math.h>
#include <stdio.h>
#include "net.h"

static double W[3 * 4], b[3], V[3], x[6 * 4], y[6], L, G_W[3 * 4], G_b[3], G_V[3], G_s;

int main(void) {
  unsigned state = 1;
  double *const all[] = {W, b, V, x, y};
  const int counts[] = {12, 3, 3, 24, 6};
  for (int k = 0; k < 5; k++)
    for (int i = 0; i < counts[k]; i++) {
      state = state * 1664525u + 1013904223u;
      all[k][i] = state / 4294967296.0 - 0.5;
    }
  const double s = 0.3, h = 1e-6;
  if (backward(W, b, s, V, x, y, &L, G_W, G_b, &G_s, G_V, 6)) return 1;
  double *const moved[] = {W, b, V};
  const double *const slopes[] = {G_W, G_b, G_V};
  double worst = 0, up, down;
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < counts[k]; i++) {
      const double old = moved[k][i];
      moved[k][i] = old + h;
      if (forward(W, b, s, V, x, y, &up, 6)) return 2;
      moved[k][i] = old - h;
      if (forward(W, b, s, V, x, y, &down, 6)) return 3;
      moved[k][i] = old;
      worst = fmax(worst, fabs((up - down) / (2 * h) - slopes[k][i]));
    }
  if (forward(W, b, s + h, V, x, y, &up, 6) || forward(W, b, s - h, V, x, y, &down, 6)) return 4;
  worst = fmax(worst, fabs((up - down) / (2 * h) - G_s));
  if (forward(W, b, s, V, x, y, &up, 6) || up != L || !(L > 0)) return 5;
  printf("%g\\n", worst);
  return worst < 1e-8 ? 0 : 6;
}
"""


def network(**options):
    T = sg.dim("T")
    x, y = sg.data("x", 4, over=T), sg.data("y", over=T)
    W, b, V, s = sg.parameter("W", (3, 4)), sg.parameter("b", 3), sg.parameter("V", 3), sg.parameter("s")
    h = sg.tanh(W @ x + b)
    return sg.generate(sg.empirical_risk((V @ sg.where(h > 0, h, s * h) - y) ** 2), predict=V @ h, backend="c", **options)


@pytest.mark.parametrize("mode", ["c99", "gnu17"])
def test_a_program_in_c_calls_it_and_differences_agree(mode, tmp_path):
    assert network(dtype="float64", title='A net, of */ "x" ??/').save(tmp_path / "net.c") == tmp_path / "net.c"
    (tmp_path / "main.c").write_text(MAIN)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["main.c", "net.c", "net.h"]
    for compiler in ("cc", "c++ -x c++" if shutil.which("c++") and mode == "gnu17" else "cc"):
        header = subprocess.run([*compiler.split(), *STRICT, "-fsyntax-only", "-x", "c" if compiler == "cc" else "c++",
                                 tmp_path / "net.h"], capture_output=True, text=True)
        assert header.returncode == 0, header.stderr
    built = subprocess.run(["cc", f"-std={mode}", *STRICT, "main.c", "net.c", "-lm", "-o", "main"], cwd=tmp_path,
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True)
    assert done.returncode == 0, (done.returncode, done.stdout)


def test_the_header_says_what_goes_in_and_out(tmp_path):
    header = network(title="A net.").save(tmp_path / "a-net.c").with_suffix(".h").read_text()
    assert header.startswith("/* A net.\n\n   Arrays lie in rows") and "#ifndef A_NET_H_" in header
    assert """\
/* The loss L.
   From W (3, 4), b (3,), s_ (a number), V (3,), x (T, 4), y (T,).
   To L (a number). */
int forward(const float *W, const float *b, float s_, const float *V, const float *x, const float *y,
            float *L, int64_t T);
""" in header
    text = (tmp_path / "a-net.c").read_text()
    assert text.startswith('/* A net. */\n#include "a-net.h"\n') and "kind" not in text and "import" not in text


def called(path, names, arrays, outputs, sizes, single):
    """What a function of a shared library computes."""
    function = ctypes.CDLL(str(path)).f
    given, kept = [], []
    for node, array in arrays:
        kind = {"real": np.float32 if single else np.float64, "integer": np.int64, "boolean": np.uint8}[node.dtype]
        kept.append(np.ascontiguousarray(array, kind))
        number = {np.float32: ctypes.c_float, np.float64: ctypes.c_double, np.int64: ctypes.c_int64, np.uint8: ctypes.c_uint8}
        given.append(ctypes.c_void_p(kept[-1].ctypes.data) if node.shape else number[kind](kept[-1].item()))
    results = [np.full(wanted.shape, 77, np.uint8 if wanted.dtype == bool else wanted.dtype) for wanted in outputs]
    given += [ctypes.c_void_p(result.ctypes.data) for result in results]
    assert function(*given, *(ctypes.c_int64(size) for size in sizes)) == 0
    return results


def together(rows, setting):
    """Values and gradients of these rows as one function of a file of C; what only NumPy computes is refused."""
    outputs, at = outputs_of(rows, setting)
    nodes = stabilise([y.node for y in outputs])
    job = Job(BACKENDS["c"].module(), "f", [(s.name, s.node) for s in at], [(f"y{k}", node) for k, node in enumerate(nodes)])
    return at, outputs, standalone([job], "All.")


def alone(row, setting):
    """Can this row be a file of C?"""
    try:
        together([row], setting)
    except sg.BackendError as error:
        assert "f cannot be C alone: only NumPy computes" in str(error)
        return False
    return True


@pytest.mark.parametrize("start, setting", [
    (start, setting) for (start, setting) in zip(range(0, len(ROWS), TOGETHER), itertools.cycle(("concrete", "symbolic", "samples")))])
def test_all_operations_compile_without_a_warning_and_are_those_of_numpy(start, setting, tmp_path):
    rows = [row for row in ROWS[start:start + TOGETHER] if setting not in row.skip.split()]
    try:
        at, outputs, program = together(rows, setting)
    except sg.BackendError as error:
        assert "f cannot be C alone: only NumPy computes" in str(error)
        apart = {row.name: alone(row, setting) for row in rows}
        assert {name for name, whole in apart.items() if not whole} <= {row.name for row in rows if PLAIN.search(row.name)}
        at, outputs, program = together([row for row in rows if apart[row.name]], setting)
    (tmp_path / "all.h").write_text(program.header("all.h"))
    (tmp_path / "all.c").write_text(program.source("all.h"))
    built = subprocess.run(["cc", *STRICT, "-shared", "-fPIC", "all.c", "-lm", "-o", "all.so"], cwd=tmp_path,
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stderr[:3000]
    f = sg.function(list(at), outputs)
    wanted = [np.asarray(a) for a in f(*at.values())]
    known = f.feed.arrays(list(at.values()))[1]
    order = [name for name in program.prototypes[0].split(";")[0].split("int64_t ")[1:] if "*" not in name]
    named = {str(symbol): size for symbol, size in known.items()}
    sizes = [named[name.strip(" ,)\n").rstrip("_")] for name in order if name.strip(" ,)\n").rstrip("_") in named]
    found = called(tmp_path / "all.so", None, [(s.node, a) for s, a in at.items()], wanted, sizes, False)
    for a, b in zip(found, wanted, strict=True):
        near(a.astype(b.dtype), b, 1e-10)


def test_results_that_are_inputs_constants_or_one_another(tmp_path):
    n = sg.dim("n")
    x, s, c = sg.data("x", n), sg.data("s"), sg.constant(np.arange(100.0), name="c")
    outputs = [x, s, c, x * 2, x * 2, sg.sum(c) + s, sg.zeros(n), sg.sum(x)]
    job = Job(BACKENDS["c"].module(), "f", [("x", x.node), ("s", s.node), ("unused", sg.data("u", 3).node)],
              [(f"y{k}", y.node) for k, y in enumerate(outputs)])
    program = standalone([job], "Some.")
    (tmp_path / "all.h").write_text(program.header("all.h"))
    (tmp_path / "all.c").write_text(program.source("all.h"))
    built = subprocess.run(["cc", *STRICT, "-shared", "-fPIC", "all.c", "-lm", "-o", "all.so"], cwd=tmp_path,
                           capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    values = [np.array([1.0, 2, 3]), np.float64(0.5), np.zeros(3)]
    wanted = [np.asarray(a) for a in sg.function([x, s], outputs)(*values[:2])]
    found = called(tmp_path / "all.so", None, list(zip([x.node, s.node, sg.data("u", 3).node], values, strict=True)), wanted, [3], False)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["train.c", "train.h", "train.cpp", "train.CU"])
def test_python_never_lands_in_a_file_of_c(name, tmp_path):
    x, w = sg.data("x", 3), sg.parameter("w", 3)
    source = sg.generate(sg.sum((x - w) ** 2))
    with pytest.raises(sg.SymgradError, match=r"cannot write .*: the text is Python, and its name ends in \.py; backend=\"c\" writes C"):
        source.save(tmp_path / name)
    if not name.endswith(".c"):
        with pytest.raises(sg.SymgradError, match="the text is Python"):
            network().save(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_what_only_numpy_computes_is_refused_by_name(tmp_path):
    A = sg.parameter("A", (3, 3))
    source = sg.generate(sg.sum(sg.gradient(sg.det(A), A) ** 2), backend="c")
    with pytest.raises(sg.BackendError, match=r"cannot write '.*g\.c': .* cannot be C alone: only NumPy computes cofactor"):
        source.save(tmp_path / "g.c")
    assert list(tmp_path.iterdir()) == [] and source.save(tmp_path / "g.py").exists()


def test_the_command_writes_c_and_its_header(tmp_path):
    words = ["generate", "mean((X @ w - y)**2)", "--shape", "X=n,d", "--shape", "w=d", "--shape", "y=n", "--wrt", "w",
             "--backend", "c", "-o", str(tmp_path / "g.c")]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0 and "g.c" in done.output, done.output
    assert (tmp_path / "g.h").read_text().count("int forward(const float *w, const float *X, const float *y, float *") == 1
    built = subprocess.run(["cc", *STRICT, "-c", "g.c"], cwd=tmp_path, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    wrong = CliRunner().invoke(cli, [word.replace("g.c", "h.c") if word != "c" else "numpy" for word in words])
    assert wrong.exit_code != 0 and not (tmp_path / "h.c").exists()
