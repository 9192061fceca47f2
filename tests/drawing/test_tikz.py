"""Drawings as TikZ: a document by itself, formulas set by LaTeX, the same places as everywhere."""

import re
import shutil
import subprocess

import drawn
import pytest

import symgrad as sg


def document(what, **options):
    return str(sg.draw(what, format="tikz", **options))


def test_it_is_a_document_with_formulas():
    text = document(drawn.lecture())
    assert text.startswith(r"\documentclass[tikz") and text.endswith("\\end{document}\n")
    assert r"{$a^{1} = W_{1} x + b_{1}$};" in text and r"{$50 \, \times \, 64$};" in text
    assert text.isascii()


def test_every_box_and_arrow_is_there():
    drawing = sg.draw(drawn.lecture())
    text = drawing.tikz
    assert len(re.findall(r"\\node\[[^]]*\] \(", text)) == len(drawing.scene.boxes)
    assert len(re.findall(r"controls", text)) >= len(drawing.scene.arrows)
    for box, frame in drawing.scene.boxes:
        assert f"at ({frame.x:g}, {frame.y:g})" in text, box.label


@pytest.mark.parametrize(("name", "form"), [("net.tex", None), ("net.tikz", "tikz"), ("net", "tikz")])
def test_files(tmp_path, name, form):
    drawing = sg.draw(drawn.lecture(), tmp_path / name, format=form)
    assert (tmp_path / name).read_text(encoding="utf-8") == drawing.tikz


def test_the_text_of_a_drawing_is_that_of_its_format():
    assert str(sg.draw(drawn.lecture(), format="svg")).startswith("<svg")
    assert str(sg.draw(drawn.lecture(), format="dot")).startswith("digraph")
    assert str(sg.draw(drawn.lecture())).startswith("<Drawing: ") and str(sg.draw(drawn.lecture(), format="png")).startswith("<D")


def odd_names():
    """Letters and signs that mean something to LaTeX, or that pdflatex does not have."""
    n = sg.dim("größe_2")
    w, x = sg.parameter("x&y_%", n), sg.data("中_{in}", n)
    return sg.derive(sg.sum((sg.tanh(w * x).named("h^~#") - sg.data("Δŷ", n)) ** 2))


PICTURES = {"lecture": drawn.lecture, "attention": drawn.attention, "recurrent": drawn.recurrent, "names": odd_names,
            "deep": lambda: sg.derive(drawn.stack(30)), "many": lambda: sg.derive(drawn.stack(6))}


@pytest.mark.parametrize("name", PICTURES)
def test_pdflatex_sets_it(name, tmp_path):
    if shutil.which("pdflatex") is None or subprocess.run(["kpsewhich", "tikz.sty"], capture_output=True, check=False).returncode:
        pytest.skip("pdflatex with TikZ is not installed: the text alone is compared")
    text = document(PICTURES[name](), aspect=16 / 9)
    if subprocess.run(["kpsewhich", "standalone.cls"], capture_output=True, check=False).returncode:
        text = re.sub(r"\\documentclass.*", lambda _: "\\documentclass{article}\n\\usepackage{tikz}", text, count=1)
    (tmp_path / "net.tex").write_text(text, encoding="ascii")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "net.tex"], cwd=tmp_path,
                          capture_output=True, text=True, check=False, errors="replace")
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert "(1 page" in done.stdout and "Missing character" not in (tmp_path / "net.log").read_text(errors="replace")
