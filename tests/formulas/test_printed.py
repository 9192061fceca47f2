"""Every printed formula of the suite: as MathML, well-formed, nothing left of LaTeX in what a reader sees; cut into lines
that fit a page; typeset as in a drawing. They take half a minute to derive, so all of that is one file."""

import re
from xml.etree import ElementTree

import printed
from readback import seen

from symgrad.drawing.pictures.typeset import formula
from symgrad.formulas.spelling.breaking import PAGE, latex_lines, latex_tokens, latex_width
from symgrad.formulas.spelling.mathml import mathml_of

EVERY = 20  # all of them typeset take minutes


def test_every_formula_becomes_mathml():
    found = printed.formulas()
    assert len(found) > 1000
    wrong = []
    for place, text in found:
        try:
            root = ElementTree.fromstring(mathml_of(text))
        except Exception as error:  # all of them, in one list
            wrong.append(f"{place}: {text}: {error}")
            continue
        left = seen(root)
        if re.search(r"[\\&$]", left):
            wrong.append(f"{place}: {text}: shows {left!r}")
    assert not wrong, f"{len(wrong)} of {len(found)}:\n" + "\n".join(wrong[:20])


def test_tokens_are_the_whole_text():
    for place, text in printed.formulas():
        assert " ".join("".join(t.text for t in latex_tokens(text)).split()) == " ".join(text.split()), place


# What stands in the brackets of indices, and a fraction that alone fits a line, is one piece: nothing in them may be cut.
WHOLE = ("max_pool2d {'kernel_size': (3, 2), 'stride': 2, 'padding': 1, 'dilation': 1, 'ceil_mode': True} concrete, Hessian",
         "eigvalsh stack concrete, Hessian")


def test_all_printed_formulas_fit_a_page():
    wide = [name for name, text in printed.formulas()
            if len(text) < 2000 and any(latex_width(line) > PAGE + 0.5 for line in latex_lines(text))]
    assert sorted(wide) == sorted(WHOLE)


def test_every_printed_formula_is_typeset():
    shown = sorted((text for _, text in printed.formulas()), key=lambda latex: (len(latex), latex))[::EVERY]
    assert len(shown) > 80
    for latex in shown:
        typeset = formula(latex, 13.0)
        assert typeset is not None, latex
        letters = re.findall(r"[a-zA-Z]\b", re.sub(r"\\[A-Za-z]+", "", latex))
        assert typeset.width > 0 and len(typeset.glyphs) >= len(letters) / 2
