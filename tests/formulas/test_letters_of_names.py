"""Letters of names: commands of LaTeX where there are some, code points for pdflatex, themselves in MathML."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import symgrad as sg

NAMES = ["x'", "x''", "x'''", "x''''", "Δx", "λx", "ŷ", "x̂", "x̃_i^2", "αβ", "∂x", "中文", "中", "Ж", "Straße", "ß", "[", "]", "a b",
         "σ_lam", "x_中", "<script>", "`", "^", "_", "\\", "'", "''", "é1", "ç", "ő", "ạ", "𝐱", "ℝ", "~", "a\\b", "{", "}", "$", "%",
         "#", "&", "\\input{x}", "a_b_c^d^e", "😀", "x²", "½", "Ω", "µ", "א", "Å", "e{\u0301", "\u0301", "(", ")", "=", "+", "a]b",
         "|V|", "d'", "n_{hid}", '"', "x" * 300]


def formulas(name):
    """A name as a symbol, transposed, squared, with an index, in cases, and as a size."""
    X = sg.data(name, (3, 3))
    size = "".join(c for c in name if c not in " ,") or "n"
    y = sg.data("y", sg.dim(size), over=sg.dim("T"))
    return [X, X.T @ X**2, sg.where(sg.trace(X) > 0, sg.trace(X), sg.det(X)), X[0, 1] * X[2], sg.mean(y**2, over=sg.dim("T")), sg.mean(y)]


@pytest.mark.parametrize(("name", "wanted"), [
    ("Δx", r"\mathrm{\Delta x}"), ("ŷ", r"\hat{y}"), ("x̂", r"\hat{x}"), ("θ̂_1", r"\hat{\theta}_{1}"), ("ℝ", r"\mathbb{R}"), ("Α", "A"),
    ("中", r"\mathrm{U{+}4E2D}"), ("Straße", r"\mathrm{Stra\text{\ss}e}"), ("ç", r"\text{\c{c}}"), ("a<b", r"\mathrm{a{<}b}"),
    ("x''", "{x''}"), ("a`b", r"\mathrm{a\grave{\ }b}"), ("[", "{[}"),
])
def test_how_a_name_is_written(name, wanted):
    assert sg.data(name).latex() == wanted


def test_pages_and_notebooks_have_the_letter_itself():
    x = sg.data("中")
    assert "中" in x.mathml() and "中" in x._repr_html_() and "中" in x._repr_latex_() and "中" in str(x)


@pytest.mark.parametrize("name", NAMES)
def test_every_form_of_a_formula_can_be_read(name):
    for f in formulas(name):
        text = f.latex()
        assert text.isascii()
        assert text.replace("\\\\", "").replace(r"\{", "").count("{") == text.replace("\\\\", "").replace(r"\}", "").count("}")
        ElementTree.fromstring(f.mathml())
        assert str(f).isprintable() and all(line.isprintable() for line in f.pretty().split("\n"))


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_them_all(tmp_path):
    lines = [rf"\[ {f.latex()} \]" for name in NAMES[:-1] for f in formulas(name)]
    for name in ("é1", "x̃_i^2", "中", "x''", "]"):
        x, W = sg.data(name, 3, over=sg.dim("T")), sg.parameter(f"{name}W", (2, 3))
        lines.append(sg.derive(sg.sum(sg.tanh((W @ x).named(f"{name}a")) ** 2)).latex(unfold=True, label=f"s{len(lines)}"))
    text = "\n".join([r"\documentclass{article}\usepackage{amsmath,amssymb}\begin{document}", *lines, r"\end{document}"])
    (tmp_path / "names.tex").write_text(text, "utf-8")
    done = subprocess.run(["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "names.tex"], cwd=tmp_path,
                          capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, "\n".join(line for line in done.stdout.splitlines() if line.startswith(("!", "l.")))
