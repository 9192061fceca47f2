"""The first drawing of a process waits for no more than its imports."""

import subprocess
import sys

import pytest

from symgrad.drawing.pictures.typeset import FONT_FILE, text_width

DRAW = """
import sys
import symgrad as sg
x = sg.parameter("x", 3)
drawing = sg.draw(sg.derive(sg.sum(x**2)))
print(len(drawing.svg) > 1000, *sorted(set(sys.modules) & {"networkx", "scipy", "symgrad.computing.functions"}))
"""
KERNING = """
from fontTools.ttLib import TTFont
read = []
TTFont.__getitem__ = lambda font, tag, get=TTFont.__getitem__: read.append(tag) or get(font, tag)
from symgrad.drawing.pictures.typeset import text_width
print(text_width("n × 8", 10.0) > 0, "GPOS" in read or "glyf" in read)
"""


def said(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_a_drawing_imports_neither_programs_nor_other_peoples_graphs():
    assert said(DRAW) == ["True"]


def test_a_width_reads_neither_kerning_nor_outlines():
    assert said(KERNING) == ["True", "False"]


@pytest.mark.parametrize("text", ["n × 8", "H₁ × D", "W = ‖x‖²", "layer 12: affine, tanh"])
def test_widths_are_those_of_the_font(text):
    import ziafont

    font = ziafont.Font(str(FONT_FILE))
    wide = sum(font.advance(font.glyphindex(char), None) for char in text) / font.info.layout.unitsperem
    assert text_width(text, 10.0) == pytest.approx(10 * wide)
