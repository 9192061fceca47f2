"""Every file that a docstring, a comment or a page names is there, and is meant unmistakably.

In code a name alone is the file beside the one that names it, or at the top; on a page the only one of that name. Else
the folder stands before it: `algebra/einsum.py`.
"""

import ast
import io
import re
import tokenize

from places import ROOT

KINDS = (".py", ".sh", ".cfg", ".toml", ".yml", ".j2")
NAMED = re.compile(r"(?<![\w./*-])(?:\./)?((?:[\w.-]+/)*[\w-]*\w(?:" + "|".join(KINDS).replace(".", r"\.") + r"))\b")
WRITTEN = {"train.py", "train_digits.py", "model.py"}  # by a user or an example, not kept
EVERYWHERE = {"__init__.py"}
UNREAD = {"golden", "graphs", "codegen"}  # generated texts; and the links, whose files are read at their own place


def files():
    for top in ("symgrad", "graphs", "codegen", "tests", "docs", "examples", ".ci"):
        for file in (ROOT / top).rglob("*"):
            inside = file.relative_to(ROOT).parts
            if file.is_file() and not (inside[0] == "symgrad" and UNREAD & set(inside)) and "golden" not in inside:
                yield file
    yield from (file for file in ROOT.iterdir() if file.is_file())


PATHS = sorted(file.relative_to(ROOT).as_posix() for file in files() if file.suffix in (*KINDS, ".md"))


def said(path):
    """(line, text) of what a file says to people: docstrings and comments, or a page whole."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if not path.endswith(".py"):
        yield from enumerate(text.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node):
            yield from enumerate(node.body[0].value.value.splitlines(), node.body[0].lineno)


def meant(name, path):
    """The files of which a file at `path` may speak when it says `name`."""
    folder = path.rpartition("/")[0]
    beside = f"{folder}/{name}".lstrip("/")
    if beside in PATHS or ("/" not in name and path.endswith(".py")):
        return [file for file in (beside, name) if file in PATHS][:1]
    return [file for file in PATHS if f"/{file}".endswith(f"/{name}")]


def wrong():
    for path in PATHS:
        names = not path.endswith(".j2") and NAMED.search((ROOT / path).read_text(encoding="utf-8"))
        for line, text in said(path) if names else []:
            for name in NAMED.findall(text.replace("$root/", "")):
                found = meant(name, path)
                if len(found) != 1 and name not in WRITTEN | EVERYWHERE:
                    yield f"{path}:{line} names {name}: {'which of ' + ', '.join(found) if found else 'not there'}"


def test_named_files_are_there():
    assert "\n".join(wrong()) == ""


def test_the_page_has_every_room():
    """The table of ARCHITECTURE.md: one line for each folder, and for what lies between them."""
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = {name for row in re.findall(r"^\| (`.*?`) \|", page, re.M) for name in re.findall("`(.*?)`", row)}
    folders = {f"{path.rpartition('/')[0]}/" for path in PATHS if re.match(r"(symgrad|graphs|codegen)/.*\.py", path)}
    alone = {path for path in PATHS if re.match(r"(symgrad|graphs|codegen)/[a-z]+\.py", path) and not path.endswith("/version.py")}
    assert table == (folders - {"symgrad/", "graphs/", "codegen/"}) | alone
    assert [name for name in re.findall(r"`([\w./]+/)`", page) if not (ROOT / name).is_dir()] == []


def test_the_test_sees_what_is_wrong():
    assert meant("einsum.py", "ARCHITECTURE.md") == ["graphs/algebra/einsum.py"] == meant("algebra/einsum.py", "graphs/node.py")
    assert meant("einsum.py", "graphs/node.py") == []
    assert meant("latex.py", "symgrad/derivations/text.py") == ["symgrad/derivations/latex.py"]
    assert meant("graphs/einsum.py", "ARCHITECTURE.md") == []
    assert len(meant("latex.py", "ARCHITECTURE.md")) > 1
    assert NAMED.findall("see `einsum.py`, tests/whole/test_x.py (or x.pyc), a.python") == ["einsum.py", "tests/whole/test_x.py"]
    assert len([path for path in PATHS if path.startswith(("symgrad/", "graphs/", "codegen/"))]) > 240
