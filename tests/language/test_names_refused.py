"""Names that cannot be printed are refused where they are given, whoever gives them."""

import re

import pytest
import sympy as sp

import symgrad as sg

WAYS = {
    "data": lambda name: sg.data(name), "parameter": lambda name: sg.parameter(name, 3),
    "labels": lambda name: sg.labels(name, classes=3), "constant": lambda name: sg.constant(1.5, name=name),
    "named": lambda name: sg.data("x").named(name), "dim": sg.dim, "size": lambda name: sg.data("x", sp.Symbol(name)),
    "expression": lambda name: sg.data("x", 2 * sp.Symbol(name, integer=True) + 1),
    "over": lambda name: sg.data("x", 2, over=sp.Symbol(name)), "from_sympy": lambda name: sg.from_sympy(sp.Symbol(name)),
    "layer": lambda name: sg.nn.Linear(2, 2, name=name),
}
UNFIT = {"x\ny": "a line break", "x\u2028y": "a line break", "x\x0cy": "a line break", "x\ty": "a control character",
         "x\0y": "a control character", "\x1b[31mx": "a control character", "x\ud800": "half of a surrogate pair",
         "x\uffff": "what is no character in Unicode", "x\u202ey": "an invisible character", "x\u00a0y": "a blank other than the plain one"}


FIT = ["x" * 300, "Δx", "x̂", "中文", "self", "x'''", "a]b", "loss,train", "%s", '"', "\\", "{", "}", "^", "'"]


def pairs(names):
    """Every name in every way; `sg.dim` takes one name, and a blank or a comma parts it from the next."""
    return [(way, name) for way in WAYS for name in names if way != "dim" or len(name.replace(",", " ").split()) == 1]


@pytest.mark.parametrize(("way", "name"), pairs(UNFIT))
def test_what_cannot_be_printed_is_no_name(way, name):
    wanted = f"{re.escape(repr(name)[1:-1])}.* holds {UNFIT[name]} at place .*; names are printable"
    with pytest.raises(sg.SymgradError, match=wanted):
        WAYS[way](name)


@pytest.mark.parametrize(("way", "name"), pairs(FIT))
def test_what_can_be_printed_is_one(way, name):
    WAYS[way](name)
