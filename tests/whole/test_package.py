"""The package as a user gets it: built, installed into a clean environment, used beside the user's own code.

The checkout must not help. The wheel is built by way of the source distribution, so that this one is complete
too, and from a copy, so that nothing generated lands in the tree.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from places import ROOT

ROOMS = {"graphs": "symgrad/graphs", "codegen": "symgrad/codegen", "symgrad": "symgrad"}
GENERATED = shutil.ignore_patterns("__pycache__", "*.egg-info")

USER = '''
"""A user's script, in a folder that has a `graphs` package and a `codegen` module of its own."""
import sys
import numpy as np
import symgrad as sg

n, d = sg.dims("n d")
X, y, w = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d)
loss = sg.sum((X @ w - y) ** 2)
f = sg.function([X, y, w], [loss, sg.gradient(loss, w)])

a, b, c = np.arange(6.0).reshape(3, 2), np.array([1.0, -2.0, 0.5]), np.array([0.25, 2.0])
value, slope = f(a, b, c)
r = a @ c - b
assert np.isclose(value, r @ r) and np.allclose(slope, 2 * a.T @ r), (value, slope)

print(*sorted({module.__file__ for name, module in sys.modules.items() if name.split(".")[0] == "symgrad"
               and getattr(module, "__file__", None)}), sep="\\n")
'''


def run(*command, cwd):
    """The output of a command whose environment does not point to the checkout; fails with all it said."""
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH")}
    done = subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    copy = tmp_path_factory.mktemp("source") / "symgrad"
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, symlinks=True, ignore=GENERATED)
    for file in ROOT.iterdir():
        if file.is_file() and not file.name.startswith("."):
            shutil.copy2(file, copy)
    # Without isolation: the environment's own setuptools (extra `test`), and no package index.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", copy / "dist", copy, cwd=copy)
    (built,) = (copy / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Python of a new virtual environment with this wheel; the tests' environment lends the libraries."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    # A folder named in a .pth file comes after the environment's own, so the wheel's symgrad is found first;
    # .pth files within that folder are not read, so the editable symgrad of the checkout stays out.
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    lent = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (own / "lent.pth").write_text("\n".join(lent) + "\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", "venv", {"base": str(home)})) / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "-q", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=home)
    return python


@pytest.fixture
def folder(tmp_path):
    """A user's folder whose `graphs` and `codegen` must never be imported by us."""
    (tmp_path / "graphs").mkdir()
    (tmp_path / "graphs" / "__init__.py").write_text("raise ImportError('the graphs of the user')\n")
    (tmp_path / "codegen.py").write_text("raise ImportError('the codegen of the user')\n")
    (tmp_path / "fit.py").write_text(USER, encoding="utf-8")
    return tmp_path


def test_wheel_holds_the_package_and_nothing_else(wheel):
    expected = {
        f"{target}/{file.relative_to(ROOT / room)}"
        for room, target in ROOMS.items()
        for pattern in ("*.py", "py.typed", "fonts/*", "templates/*", "assets/*")
        for file in (ROOT / room).rglob(pattern)
        if "__pycache__" not in file.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    files = {name for name in names if ".dist-info/" not in name}
    assert files == expected
    assert {"LICENSE", "METADATA", "entry_points.txt"} <= {Path(name).name for name in names - files}


def test_wheel_runs_beside_a_users_own_graphs_and_codegen(installed, folder):
    files = run(installed, "fit.py", cwd=folder).splitlines()
    home = installed.parents[1]
    assert len(files) > 3
    assert [file for file in files if not Path(file).is_relative_to(home)] == []


def test_command_is_installed(installed, folder):
    assert "derive" in run(installed.with_name("symgrad"), "--help", cwd=folder)
    assert "Wrote p.html" in run(installed.with_name("symgrad"), "report", "sum(w**2)", "--shape", "w=3", "-o", "p.html", cwd=folder)


def test_checkout_and_installation_mean_the_same_modules(tmp_path):
    """Folder, link and package are one module: never two copies of a node's class."""
    code = (
        "import os, sys, symgrad, symgrad.graphs, symgrad.codegen; "
        "print(os.path.realpath(symgrad.graphs.__file__), os.path.realpath(symgrad.codegen.__file__), "
        "*[m for m in sys.modules if m.split('.')[0] in ('graphs', 'codegen')])"
    )
    here = run(sys.executable, "-c", code, cwd=ROOT).split()
    assert here == [str(ROOT / "graphs" / "__init__.py"), str(ROOT / "codegen" / "__init__.py")]
    assert run(sys.executable, "-c", code, cwd=tmp_path).split() == here


def test_a_script_above_a_clone_finds_the_package_and_not_the_clone(tmp_path):
    """A folder called symgrad without an __init__.py is a namespace package to Python: what is installed comes before it."""
    clone = tmp_path / "symgrad"
    for room in ROOMS:
        shutil.copytree(ROOT / room, clone / room, symlinks=True, ignore=GENERATED)
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / file, clone)
    home = tmp_path / "environment"
    venv.create(home, with_pip=False)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
    (own / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    python = Path(sysconfig.get_path("scripts", "venv", {"base": str(home)})) / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "-q", "--disable-pip-version-check")
    run(*pip, "install", "--no-deps", "--no-index", "--no-build-isolation", "-e", clone, cwd=tmp_path)
    (tmp_path / "mine.py").write_text("import symgrad as sg\nprint(*sg.dims('n d'), sg.__file__)\n", encoding="utf-8")
    found = f"n d {clone / 'symgrad' / '__init__.py'}\n"
    assert run(python, "mine.py", cwd=tmp_path) == found
    assert run(python, "-c", "import symgrad as sg; print(*sg.dims('n d'), sg.__file__)", cwd=tmp_path) == found
    assert "version" in run(python, "-m", "symgrad", "--version", cwd=tmp_path)
