"""Equal units of a deep network are one function of a kernel: its text, and the compiler's time, grow little with depth."""

import re

import pytest
from kernels import stepping_of

import symgrad as sg
from symgrad.codegen.cuda import sharing
from symgrad.codegen.cuda.grid import grid_kernel
from symgrad.codegen.cuda.sharing import UnitFunction, shared

T = sg.dim("T")


def kernel(depth):
    x, y = sg.data("x", 16, over=T), sg.data("y", 16, over=T)
    h = x
    for _ in range(depth):
        h = h + sg.nn.Sequential(sg.nn.LayerNorm(16), sg.nn.Linear(16, 32), sg.nn.GELU(), sg.nn.Linear(32, 16))(h)
    return grid_kernel(stepping_of(sg.losses.squared_error(h, y), sg.optim.SGD(0.1))).text


def functions(text):
    """The bodies of the functions of units, as they are written."""
    return re.findall(r"static __device__ (__\w+__) void (find_\w+)\(", text)


def test_text_grows_little_with_depth(monkeypatch):
    three, six = kernel(3), kernel(6)
    monkeypatch.setattr(sharing, "DEEP", 10**9)
    alone = kernel(3), kernel(6)
    assert len(functions(six)) == len(functions(three)) < len(functions(alone[1])) / 3
    assert len(six) - len(three) < (len(alone[1]) - len(alone[0])) / 2
    shared_ones = [name for how, name in functions(six) if how == "__noinline__"]
    assert len(shared_ones) > 10 and "// needed 6 times, first for " in six
    for name in shared_ones:
        assert len(re.findall(rf"\b{name}\(", six)) > 2, name
    told = [line for line in alone[1].split("\n") if line.startswith("// ") and " = " in line]
    assert len(told) > 50 and set(told) <= set(six.split("\n"))  # no formula is lost


def unit(name, *lines, taken=(("const real", "a"), ("real", "b"))):
    return UnitFunction(name, "lane", taken, ("on.a", "on.b"), lines, (f"// {name}",), "32")


def test_functions_are_one_where_they_agree_up_to_names(monkeypatch):
    monkeypatch.setattr(sharing, "DEEP", 2)
    first = unit("find_b", "const real b_ = a[lane];", "b[lane] = b_ * b_;")
    same = unit("find_d", "const real d_ = c[lane];", "d[lane] = d_ * d_;", taken=(("const real", "c"), ("real", "d")))
    others = [unit("find_e", "const real b_ = a[lane];", "b[lane] = b_ * a[lane];"),
              unit("find_f", "const real b_ = a[lane];", "b[lane] = b_ * b_;", taken=(("const real", "a"), ("int64_t", "b"))),
              unit("find_g", "const real b_ = a[lane];", "a[lane] = b_ * b_;", taken=(("real", "a"), ("real", "b")))]
    found = shared([first, same, *others])
    assert found[first] == found[same] == ("find_b", 2) and all(found[f] == (f.name, 1) for f in others)
    assert same.call("find_b") == "find_b(lane, on.a, on.b);"
    assert first.text(2).split("\n")[:2] == ["// needed 2 times, first for b", "static __device__ __noinline__ void find_b("
                                             "const int lane, const real *const a, real *const b) {"]
    assert first.text(1).split("\n")[0] == "// find_b"


@pytest.mark.parametrize("depth", [1])
def test_few_units_stay_where_they_are(depth):
    assert all(how == "__forceinline__" for how, _ in functions(kernel(depth)))
