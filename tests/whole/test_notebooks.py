"""Notebooks: what each object shows in one, and the executed notebook under examples/, run anew and compared.

Cells tagged `stable` must print the same text on every machine. `pytest --update` stores the outputs of this run.
"""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from places import EXAMPLES

import symgrad as sg
from symgrad.codegen.plan.tables import Table
from symgrad.training.history import History
from symgrad.training.summary import Summary

NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
MOST = 300_000  # bytes of a notebook with its outputs
VOID = {"br", "img", "meta", "link", "circle", "path", "rect"}
n, d, k, T = sg.dims("n d k T")


class Balanced(HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.names = [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.names.add(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def model():
    x, c = sg.data("x", 3, over=T), sg.labels("c", classes=2, over=T)
    net = sg.nn.Linear(3, 2)
    return sg.Model(sg.losses.cross_entropy(net(x), c), predict=net(x)), {"x": np.eye(3), "c": np.array([0, 1, 1])}


def shown():
    """One object of each kind that a notebook shows as HTML."""
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    loss = sg.sum((X @ w - y) ** 2)
    m, data = model()
    f = sg.function([X, w, y], {"loss": loss, "g": sg.gradient(loss, w)})
    verdict = sg.verify("X.T @ (X @ w - y)", sg.gradient(loss, w))
    return {
        "function": f, "plan": f.plan, "source": sg.generate(loss), "model": m, "summary": m.summary(),
        "history": m.fit(data, epochs=8, progress=False), "right": sg.verify("2*X.T @ (X @ w - y)", sg.gradient(loss, w)),
        "wrong": verdict, "long history": History({"epoch": list(range(1, 30)), "loss": [1.0] * 29, "seconds": [0.0] * 29}),
    }


def test_what_a_notebook_shows():
    for name, item in shown().items():
        html = item._repr_html_()
        page = Balanced(html)
        assert not page.names & {"script", "link", "img"} and "http" not in html.replace("http://www.w3.org", ""), name
        assert len(html) < 60_000 or name == "source", name


def test_source_is_coloured():
    html = shown()["function"]._repr_html_()
    assert html.count("<span style=") > 20 and "numpy" in html and "returns" in html and "<details" in html


def test_of_a_verdict_the_counterexample_is_a_table():
    wrong, right = shown()["wrong"]._repr_html_(), shown()["right"]._repr_html_()
    assert "✗" in wrong and "counterexample" in wrong and "claimed" in wrong
    assert "✓" in right and "counterexample" not in right


def test_latex_and_markdown():
    X, w = sg.data("X", (n, d)), sg.parameter("w", d)
    loss = sg.sum((X @ w) ** 2)
    assert (X @ w)._repr_latex_() == r"$\displaystyle X w$"
    assert sg.structure(sg.hessian(loss, w))._repr_latex_().startswith("$")
    assert sg.optim.SGD(0.1).formulas()._repr_latex_().startswith("$")
    assert "$$" in sg.derive(loss)._repr_markdown_() and sg.explain(loss)._repr_markdown_().startswith("## ")
    assert set(sg.draw(loss)._repr_mimebundle_()) >= {"image/svg+xml"}


def test_a_table_is_the_same_everywhere():
    table = Table(("a", "code", "n"), [("x", "f(<y>)", "1"), ("long", "", "22")], [("all", "", "23")], ("n",), ("code",), "end")
    assert str(table).splitlines() == ["a     code     n", "----------------", "x     f(<y>)   1", "long          22",
                                       "----------------", "all           23", "end"]
    assert "<code>f(&lt;y&gt;)</code>" in table.html() and table.html().count("<tr>") == 4
    from rich.console import Console

    console = Console(width=30, record=True, file=open("/dev/null", "w"))
    console.print(table)
    assert re.sub(r" +", " ", console.export_text()).startswith("a code n")


def test_a_summary_is_text_and_table():
    text = model()[0].summary()
    assert isinstance(text, str) and repr(text) == str(text) and text.splitlines()[0].startswith("parameter")
    assert isinstance(text, Summary) and "<table" in text._repr_html_()


# the notebooks --------------------------------------------------------------------------------------------


def executed(path):
    nbformat = pytest.importorskip("nbformat", reason="running a notebook needs pip install nbclient ipykernel")
    nbclient = pytest.importorskip("nbclient", reason="running a notebook needs pip install nbclient ipykernel")
    pytest.importorskip("ipykernel", reason="running a notebook needs pip install nbclient ipykernel")
    stored = nbformat.read(path, as_version=4)
    again = nbformat.from_dict(stored)
    for cell in again.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbclient.NotebookClient(again, timeout=300, kernel_name="python3", record_timing=False, coalesce_streams=True,
                            resources={"metadata": {"path": str(path.parent)}}).execute()
    return stored, again


def said(cell):
    """The text that a cell gives: what it prints, and its value as text, LaTeX and Markdown."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":  # what arrives in two pieces is one text
            before = parts.pop()[1] if parts and parts[-1][0] == output.name else ""
            parts.append((output.name, before + output.text))
        else:
            parts += [(kind, output.data[kind]) for kind in ("text/plain", "text/latex", "text/markdown")
                      if kind in output.get("data", {})]
    return parts


def test_there_is_a_notebook():
    assert [path.name for path in NOTEBOOKS] == ["backpropagation.ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_runs_and_says_the_same(path, request):
    import nbformat

    stored, again = executed(path)
    assert len(again.cells) > 10 and all(
        output.output_type != "error" for cell in again.cells if cell.cell_type == "code" for output in cell.outputs)
    if request.config.getoption("--update"):
        again.metadata.pop("widgets", None)
        again.metadata["language_info"] = {"name": "python"}
        nbformat.validate(again)
        path.write_text(nbformat.writes(again) + "\n", encoding="utf-8")
        return
    stable = [(old, new) for old, new in zip(stored.cells, again.cells, strict=True)
              if "stable" in old.metadata.get("tags", [])]
    assert len(stable) >= 5
    for old, new in stable:
        assert said(new) == said(old), f"{old.source}\nIf that is right: ./test.sh --update"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebook_is_stored_with_its_outputs(path):
    nbformat = pytest.importorskip("nbformat")
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MOST and "\\u001b[" not in text and not re.search(r"/(home|root|tmp|work)/", text)
    code = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(output.get("name") != "stderr" for cell in code for output in cell.outputs)
    assert sum(bool(cell.outputs) for cell in code) > len(code) / 2
