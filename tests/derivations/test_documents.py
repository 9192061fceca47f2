"""Derivations as documents: ten of them in LaTeX and Markdown, compiled, measured, and as pages."""

import re
import shutil
import subprocess
from collections import Counter
from xml.etree import ElementTree

import derived
import pytest
from readback import seen

import symgrad as sg

NAMES = list(derived.MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_latex_and_markdown(name, golden):
    d = derived.derivation(name)
    golden(f"derivation_{name}.tex", d.latex())
    golden(f"derivation_{name}.md", d.markdown())


def test_html(golden):
    golden("derivation_least_squares.html", derived.derivation("least_squares").html())


# LaTeX ------------------------------------------------------------------------------------------------------


def compiled(folder, name, text):
    """The log of pdflatex, run as often as references need it."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed: LaTeX is compared with golden files only")
    (folder / f"{name}.tex").write_text(text, encoding="utf-8")
    for _ in range(2):
        done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", f"{name}.tex"], cwd=folder,
                              capture_output=True, encoding="utf-8", errors="replace")
        assert done.returncode == 0, done.stdout[-3000:]
    return (folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def complaints(log):
    """Lines wider than the page, missing characters, references without an equation."""
    return re.findall(r"^(?:Overfull .*|Missing character.*|.*undefined.*|.*multiply.*)$", log, re.MULTILINE)


@pytest.mark.parametrize("unfold", [False, True], ids=["plain", "unfolded"])
def test_ten_fragments_fit_into_a_plain_article(tmp_path, unfold):
    parts = [derived.derivation(name).latex(unfold=unfold, label=name) for name in NAMES]
    text = "\n\n".join([r"\documentclass{article}\usepackage{amsmath,amssymb}\begin{document}", *parts, r"\end{document}"])
    assert complaints(compiled(tmp_path, "ten", text)) == []


@pytest.mark.parametrize("name", ["lecture", "mixture", "attention"])
def test_a_document_compiles_as_it_is(tmp_path, name):
    log = compiled(tmp_path, name, derived.derivation(name).latex(document=True))
    assert complaints(log) == [] and "Output written" in log


def test_a_very_long_formula_is_broken(tmp_path):
    x, y = sg.parameter("x", 3), sg.data("y", 3)
    terms = sum((sg.sin(k * x * y) / (k + sg.exp(x)) for k in range(2, 14)), x)
    d = sg.derive(sg.sum(terms * sg.cos(terms * y)))
    log = compiled(tmp_path, "long", d.latex(document=True, unfold=True))
    assert complaints(log) == []


def test_every_reference_has_its_equation():
    for name in NAMES:
        text = derived.derivation(name).latex(unfold=True)
        labels = re.findall(r"\\label\{(.*?)\}", text)
        assert len(labels) == len(set(labels)) == len(derived.derivation(name).steps)
        assert set(re.findall(r"\\(?:eq)?ref\{(.*?)\}", text)) <= set(labels)


# the terminal -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 100])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name, width):
    for unfold in (False, True):
        text = derived.derivation(name).unicode(width, unfold=unfold)
        assert max(map(len, text.splitlines())) <= width


def test_breaking_changes_no_word():
    for name in NAMES:
        d = derived.derivation(name)
        narrow, wide = (Counter(re.sub(r"\s+", "", d.unicode(width))) for width in (60, 400))
        assert narrow == wide  # in two columns, so not in one order


# pages ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole(name):
    d = derived.derivation(name)
    page = d.html(document=True)
    root = ElementTree.fromstring(page.removeprefix("<!DOCTYPE html>").replace('<meta charset="utf-8">', "").replace(
        '<meta name="viewport" content="width=device-width, initial-scale=1">', "").replace(
        '<meta name="color-scheme" content="light dark">', ""))
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert ids == [f"step-{s.number}" for s in d.steps]
    links = {e.get("href") for e in root.iter("a")}
    assert links and links <= {f"#{each}" for each in ids}
    assert not re.search(r"<script|http(?!://www\.w3\.org/1998/Math/MathML)|src=", page)
    body = root.find("body")
    assert not re.search(r"[\\$]", seen(body))
    notes = [e for e in root.iter() if e.tag.endswith("}annotation")]
    assert notes and all(e.get("encoding") == "application/x-tex" and e.text for e in notes)
    assert len(notes) == sum(e.tag.endswith("}math") for e in root.iter())
    classes = {c for e in body.iter() if not e.tag.startswith("{") for c in (e.get("class") or "").split()}
    assert classes and all(c.startswith("sg-") for c in classes)


def test_names_are_escaped():
    x = sg.data("<b>&", 3).named("h<i>")
    page = sg.derive(sg.sum(sg.exp(x)), [x]).html(document=True)
    assert "<b>" not in page and "<i>" not in page and "&lt;" in page
