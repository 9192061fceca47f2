"""Loop nests in C: each distinct one once, called with other arrays; `restrict` only where it is true; slots of mixed kinds."""

import ctypes
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest
from checker import near

import symgrad as sg
from symgrad.codegen.c.function import room
from symgrad.codegen.c.nests import LoopBlock, share
from symgrad.codegen.c.prelude import HEAD
from symgrad.codegen.c.runtime import FLAGS
from symgrad.codegen.lowering.arrays import Arrays
from symgrad.codegen.plan.slots import Slot


def recurrence(cells):
    U, b, T = sg.parameter("U", (4, 4)), sg.parameter("b", 4), sg.dim("T")
    h, x = sg.data("h", 4, over=T), sg.data("x", (cells, 4))
    inputs, state = [U, b, h, x], h
    for i in range(cells):
        state = sg.tanh(U @ state + x[i] + b) * sg.sigmoid(state)
    loss = sg.mean(sg.sum(state * state), over=T)
    return inputs, [loss, *sg.gradient(loss, [U, b])]


def code_of(f):
    """The C of a function, without what stands in front of every C text."""
    return f.source[f.source.index("int64_t f_room"):f.source.index("_c = compiled")]


def test_a_nest_that_occurs_again_and_again_is_one_function(monkeypatch):
    inputs, outputs = recurrence(12)
    f = sg.function(inputs, outputs, backend="c")
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(s) for s in ((4, 4), 4, (3, 4), (12, 4))]
    for have, want in zip(f(*arrays), sg.function(inputs, outputs)(*arrays), strict=True):
        near(have, want, 1e-12)
    monkeypatch.setattr("symgrad.computing.backends.load", lambda *args: SimpleNamespace(f=None))  # the text only
    longer = code_of(sg.function(*recurrence(40), backend="c"))
    assert longer.count("for (") <= code_of(f).count("for (") + 2, "the loops do not grow with the cells"
    calls = re.findall(r"^  (f_tanh\w*)\(", longer, re.M)
    assert len(calls) > 30 and len(set(calls)) <= 4
    assert re.search(r"Needed \d+ times, first for v\d+", longer)


def test_a_nest_is_handed_the_place_from_which_it_reads():
    r, x, seen = sg.parameter("r"), sg.parameter("x", 8), sg.data("seen", (5, 8))
    y, loss = x, 0
    for t in range(5):
        y = r * y * (1 - y)
        loss = loss + sg.sum(sg.tanh(y - seen[t]))
    f, g = (sg.function([r, x, seen], [loss, sg.gradient(loss, x)], backend=b) for b in ("c", "numpy"))
    assert "seen + 8" in code_of(f) and "seen + 24" in code_of(f)
    rng = np.random.default_rng(1)
    arrays = [3.3, rng.random(8), rng.random((5, 8))]
    for have, want in zip(f(*arrays), g(*arrays), strict=True):
        near(have, want, 1e-12)


def test_what_occurs_once_stays_where_it_is():
    x = sg.data("x", 4)
    assert "NEST" not in code_of(sg.function([x], [sg.tanh(x), sg.sum(x)], backend="c"))


def test_gathers_that_may_fail_are_shared_too():
    x, i = sg.data("x", (6, 5)), sg.data("i", (3, 4), dtype="integer")
    f, g = (sg.function([x, i], sum(sg.sum(x[i[k] + 1] ** 3) for k in range(3)), backend=b) for b in ("c", "numpy"))
    assert re.search(r"CHECKED\(f_gather\(.*\)\);", code_of(f))
    a, at = np.random.default_rng(0).standard_normal((6, 5)), np.arange(12).reshape(3, 4) % 5
    near(f(a, at), g(a, at), 1e-12)
    with pytest.raises(sg.DataError, match="index is out of range"):
        f(a, at + 3)


def blocks_of(*names):
    """Blocks that compute y[i] = x[i] * c[i], for names (x, c, y); and the names of all arrays."""
    b, table, expr, blocks = Arrays(), {}, {}, []
    for triple in names:
        for name in triple:
            if name not in expr:
                expr[name] = b.make("row", (), (name,), (4,), "real")
                table[expr[name]] = name
        x, c, y = triple
        lines = ["  for (int64_t i = 0; i < n; i++)", f"    {y}[i] = {x}[i] * {c}[i];"]
        blocks.append(LoopBlock(lines, [], dict.fromkeys(expr[name] for name in triple), (expr[y],)))
    return blocks, table


def test_restrict_stands_only_where_no_call_shares_memory():
    blocks, table = blocks_of(("x", "c", "y"), ("u", "c", "v"))
    (text,) = share(blocks, table, ["n"], lambda e: table[e], lambda wish: f"f_{wish}")
    assert "(const real *restrict x, const real *restrict c, real *restrict y, int64_t n)" in text
    assert [b.lines for b in blocks] == [["  f_y(x, c, y, n);"], ["  f_y(u, c, v, n);"]]
    blocks, table = blocks_of(("x", "c", "y"), ("u", "c", "v"))
    same = {"v": "u"}  # the second writes in the place of what it reads
    (text,) = share(blocks, table, ["n"], lambda e: same.get(table[e], table[e]), lambda wish: f"f_{wish}")
    assert "(const real *x, const real *restrict c, real *y, int64_t n)" in text


def test_arrays_that_are_one_are_no_two():
    """x * x and x * c are different nests: equal names stay equal."""
    blocks, table = blocks_of(("x", "x", "y"), ("u", "c", "v"))
    assert share(blocks, table, ["n"], lambda e: table[e], str) == []


def test_a_slot_is_large_enough_for_tenants_of_every_kind():
    """A mask dies, and an array of real numbers with more entries takes its slot."""
    b = Arrays()
    mask, many, index = b.make("input", (), ("m",), (8,), "boolean"), b.make("input", (), ("x",), (100,), "real"), b.make("input", (), ("i",), (3,), "integer")
    assert room(Slot(0, (mask, many)), {}) == "ROOM(100, real)"
    assert room(Slot(0, (many, index)), {}) == "ROOM(100, int64_t)"
    assert room(Slot(0, (mask,)), {}) == "ROOM(8, uint8_t)"


def test_equal_nests_are_found_whatever_the_order_of_their_operands():
    """Operands of products have the order of their digests: the same formula with other names has another order."""
    names = "abcdefgh"
    x = {n: sg.data(n, 5) for n in names}
    outputs = [sg.cumsum((1 - x[p]) * x[p] * x[q] + sg.tanh(x[q])) for p, q in zip(names, names[1:] + "a", strict=True)]
    f, g = (sg.function(list(x.values()), outputs, backend=b) for b in ("c", "numpy"))
    assert code_of(f).count("Needed 8 times") == 1 and code_of(f).count(" tanh(") == 1
    arrays = np.random.default_rng(0).standard_normal((8, 5))
    for have, want in zip(f(*arrays), g(*arrays), strict=True):
        near(have, want, 1e-12)


COUNTED_FROM_ANOTHER = """
NEST void product(const real *restrict a, const real *restrict b, const real *restrict c, const real *restrict d,
    real *restrict y, real *restrict z, int64_t T) {
  for (int64_t j = 0; j < 2 * T; j++) {
    #pragma omp simd
    for (int64_t k = 0; k < 2; k++) {
      const real y_ = a[j * 2 + k] * b[j * 4 + k + (10 * T + 2)];
      y[j * 2 + k] = y_;
      const real z_ = a[j * 2 + k] * (-2 * (c[j * 2 + k + 14 * T] * c[j * 2 + k + 18 * T] * b[j * 2 + k + 6 * T])
          - d[j * 2 + k] * b[j * 4 + k + (10 * T + 2)]);
      z[j * 2 + k] = z_;
    }
  }
}
void f(const real *a, const real *b, const real *c, const real *d, real *work, int64_t T) {
  product(a, b, c, d, work, work + 4 * T, T);
  product(a, b, c, d, work + 8 * T, work + 12 * T, T);
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")
@pytest.mark.parametrize("optimise", ["-O1", "-O2", "-O3"])
def test_no_call_of_a_nest_is_dropped(optimise, tmp_path):
    """GCC 12 turns one counter of this nest into a difference of two addresses, and drops the calls of a plain `static`."""
    (tmp_path / "f.c").write_text(HEAD.format(real="double") + COUNTED_FROM_ANOTHER)
    subprocess.run(["cc", optimise, *FLAGS[1:], tmp_path / "f.c", "-o", tmp_path / "f.so"], check=True)
    T, rng = 3, np.random.default_rng(0)
    a, b, c, d = (rng.standard_normal(size) for size in (4 * T, 18 * T, 22 * T, 4 * T))
    work = np.full(16 * T, np.nan)
    ctypes.CDLL(str(tmp_path / "f.so")).f(*(ctypes.c_void_p(x.ctypes.data) for x in (a, b, c, d, work)), ctypes.c_int64(T))
    four = b[10 * T:].reshape(2 * T, 4)[:, 2:].ravel()
    y = a * four
    z = a * (-2 * c[14 * T:18 * T] * c[18 * T:] * b[6 * T:10 * T] - d * four)
    near(work, np.concatenate([y, z, y, z]), 1e-14)


def test_long_recurrences_share_nests_and_are_right():
    """The product of a Hessian with a vector, of two gated cells over a symbolic length."""
    cell, T = sg.nn.GRU(1, 2), sg.dim("T")
    x = sg.data("x", (3, 1), over=T)
    out, last = cell(x)
    loss = sg.mean(sg.sum(sg.sin(out)) + sg.sum(sg.cos(last)), over=T)
    wrt = [*cell.parameters(), x]
    along = [sg.data(f"v{i}", w.shape, over=w.over) for i, w in enumerate(wrt)]
    f, g = (sg.function([*wrt, *along], sg.hvp(loss, wrt, along), backend=b) for b in ("c", "numpy"))
    assert "Needed " in code_of(f)
    rng = np.random.default_rng(2)
    arrays = [rng.standard_normal(((2,) if w.over is not None else ()) + tuple(w.shape)) for w in [*wrt, *along]]
    for have, want in zip(f(*arrays), g(*arrays), strict=True):
        near(have, want, 1e-9)


CHOICES = {"choice": lambda x, y: sg.where(x > 0, y, 0), "other": lambda x, y: sg.where(x > 0, sg.sin(y), x * y),
           "and": lambda x, y: 1 * sg.logical_and(x > 0, y > 0), "slope": lambda x, y: sg.gradient(sg.sum(sg.relu(x) * y), x)}
ORDERS = {"same": lambda y: y + 0 * y[:1], "from the end": lambda y: y[::-1], "one": lambda y: y[:1] + 0 * y,
          "turned": lambda y: sg.roll(y, 1), "added up": lambda y: sg.cumsum(y[::-1])[::-1]}


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs cc")
@pytest.mark.parametrize("width", [2, 3, 4, 5])
def test_few_choices_side_by_side_each_take_their_own(width):
    """GCC 12 reads the entries of several choices under one mask, in their order in memory."""
    T = sg.dim("T")
    x, y = sg.data("x", width, over=T), sg.data("y", width, over=T)
    outputs = [f(sg.tanh(x), sg.exp(order(y)) - 1) for f in CHOICES.values() for order in ORDERS.values()]
    outputs += [f(x, order(y)) for f in CHOICES.values() for order in ORDERS.values()]
    kept = sg.index_add(sg.zeros(4) + 0 * sg.sum(sg.cumsum(sg.relu(x))), 0, np.arange(width) % 3, sg.cumsum(sg.relu(x)))
    outputs.append(sg.gradient(sg.mean(sg.sum(sg.sin(kept)), over=T), x))
    found, wanted = (sg.function([x, y], outputs, backend=backend) for backend in ("c", "numpy"))
    rng = np.random.default_rng(0)
    for batch in (1, 3, 31, 100):
        arrays = [rng.standard_normal((batch, width)) for _ in range(2)]
        for have, want in zip(found(*arrays), wanted(*arrays), strict=True):
            near(have, want, 1e-12)
