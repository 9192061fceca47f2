"""Every printed formula of the suite as MathML: well-formed, nothing left of LaTeX in what a reader sees."""

import re
from xml.etree import ElementTree

import printed
from readback import seen

from symgrad.formulas.spelling.mathml import mathml_of


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
