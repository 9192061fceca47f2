"""The presentation tree and its folds: each fold has an entry for each head, and no other head is ever made."""

import ast

import pytest
from places import ROOT

from symgrad.formulas.spelling.glyphs import parse_name
from symgrad.formulas.spelling.latex import latex
from symgrad.formulas.spelling.pretty import pretty
from symgrad.formulas.spelling.spell import SPELLINGS
from symgrad.formulas.spelling.tree import HEADS, Tree, name, num
from symgrad.formulas.spelling.unicode import unicode
from symgrad.formulas.words.heads import HEADS as WORDS
from symgrad.formulas.words.kinds import ARRAY, COLUMN, KINDS, MATRIX, ROW, SCALAR, kind_of
from symgrad.formulas.words.speech import Speech

FOLDS = {"spelling": SPELLINGS, "kinds": KINDS, "words": WORDS}
M, u, s, i = name("M"), name("u"), name("s"), name("i")
ORDERS = {parse_name(text): axes for text, axes in (("M", 2), ("u", 1), ("s", 0), ("i", 0))}
TEST = Tree("relation", (">", u, num(0)))
EXAMPLES = {  # a tree of each head, as one line of Unicode, its kind and its words
    "num": (num(2.5), "2.5", SCALAR, "2.5"),
    "name": (M, "M", MATRIX, "M"),
    "ones": (Tree("ones"), "1", COLUMN, "a vector of ones"),
    "eye": (Tree("eye"), "I", MATRIX, "the identity matrix"),
    "sum": (Tree("sum", ((1, u), (-1, s))), "u - s", COLUMN, "u minus s"),
    "product": (Tree("product", ((s,), (M, u))), "s M u", COLUMN, "s times M times u"),
    "hadamard": (Tree("hadamard", (u, u)), "u ⊙ u", COLUMN, "the square of every entry of u"),
    "kron": (Tree("kron", (M, M)), "M ⊗ M", MATRIX, "the Kronecker product of M and M"),
    "star": (Tree("star", (M, M, (Tree("keyword", ("s", Tree("num", ("2",)))),))), "M ⋆_{s=2} M", ARRAY,
             "the convolution of M with M at stride 2"),
    "fraction": (Tree("fraction", (u, s)), "u/s", COLUMN, "u divided by s"),
    "transpose": (Tree("transpose", (u,)), "uᵀ", ROW, "u transposed"),
    "inverse": (Tree("inverse", (M,)), "M⁻¹", MATRIX, "M inverse"),
    "power": (Tree("power", (s, num(3), False)), "s³", SCALAR, "the cube of s"),
    "call": (Tree("call", ("tanh", (u,), ())), "tanh(u)", COLUMN, "tanh of every entry of u"),
    "norm": (Tree("norm", (M, "F")), "‖M‖_F", SCALAR, "the Frobenius norm of M"),
    "bars": (Tree("bars", (u,)), "|u|", COLUMN, "the absolute value of every entry of u"),
    "floor": (Tree("floor", (s,)), "⌊s⌋", SCALAR, "the integer part of s"),
    "ceil": (Tree("ceil", (s,)), "⌈s⌉", SCALAR, "the rounding up of s"),
    "root": (Tree("root", (s,)), "√s", SCALAR, "the square root of s"),
    "big": (Tree("big", ("sum", (i,), name("u", [i]))), "∑_i u_i", SCALAR, "the sum over i of entry i of u"),
    "at": (Tree("at", (Tree("sum", ((1, u), (1, u))), (i,))), "(u + u)_i", SCALAR, "entry i of the sum u plus u"),
    "item": (Tree("item", (M, (Tree("colon"), num(1)))), "M[:, 1]", COLUMN, "column 1 of M"),
    "colon": (Tree("colon"), ":", SCALAR, "all"),
    "range": (Tree("range", (num(1), None, None)), "1:", SCALAR, "1:"),
    "matrix": (Tree("matrix", ((M, M),)), "[M, M]", MATRIX, "the matrix of M and M side by side"),
    "entries": (Tree("entries", (name("u", [i]), (i,))), "[u_i]_i", COLUMN, "the array whose entry i is entry i of u"),
    "bracket": (Tree("bracket", (TEST,)), "[u > 0]", COLUMN,
                "the indicator (1 or 0) of the entries where u is greater than 0"),
    "relation": (TEST, "u > 0", COLUMN, "u is greater than 0"),
    "logic": (Tree("logic", ("∧", TEST, TEST)), "u > 0 ∧ u > 0", COLUMN,
              "u is greater than 0 and u is greater than 0"),
    "not": (Tree("not", (TEST,)), "¬(u > 0)", COLUMN, "it does not hold that u is greater than 0"),
    "cases": (Tree("cases", (((u, TEST),), num(0))), "{u if u > 0, 0 otherwise}", COLUMN,
              "the choice of u where u is greater than 0, and 0 elsewhere"),
    "tuple": (Tree("tuple", (num(2),)), "(2,)", SCALAR, "(2)"),
    "keyword": (Tree("keyword", ("width", num(3))), "width=3", SCALAR, "width 3"),
    "count": (Tree("count", (num(5),)), "(0..4)", COLUMN, "the numbers 0 to 4"),
    "dots": (Tree("dots", (7,)), "…", SCALAR, "terms that are left out here"),
    "hidden": (Tree("hidden"), "·", SCALAR, "this sample"),
}


@pytest.mark.parametrize("fold", FOLDS)
def test_each_fold_knows_each_head(fold):
    assert set(FOLDS[fold]) == set(HEADS)


@pytest.mark.parametrize("head", HEADS)
def test_an_example_of_each_head(head):
    tree, text, kind, words = EXAMPLES[head]
    assert tree.head == head
    assert (unicode(tree), kind_of(tree, ORDERS), Speech(WORDS, ORDERS).read(tree)) == (text, kind, words)
    assert latex(tree) and pretty(tree) and kind in (SCALAR, COLUMN, ROW, MATRIX, ARRAY)


def test_only_these_heads_are_made_or_asked_for():
    """Every head in the sources, where a tree is made and where one is compared, is one of the list."""
    made, asked = set(), set()
    for file in (ROOT / "symgrad" / "formulas").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Tree":
                first = node.args[0]
                heads = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                made |= {each.value for each in heads if isinstance(each, ast.Constant)}
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Attribute) and node.left.attr == "head":
                asked |= {each.value for right in node.comparators for each in ast.walk(right)
                          if isinstance(each, ast.Constant) and isinstance(each.value, str)}
    assert made == set(HEADS) and asked <= set(HEADS)
