"""Each stage says what it makes of each operation, or why that is not there: a forgotten entry is seen here."""

import ast

import pytest
import reference
from places import ROOT
from primitive_table import EXAMPLES

from symgrad.codegen.c import writers
from symgrad.codegen.lowering import acts, lower
from symgrad.codegen.plan import indices, plan
from symgrad.codegen.python import spell
from symgrad.exchange import explicit
from symgrad.formulas.notation import operators
from symgrad.formulas.notation.lexicon import lexicon
from symgrad.formulas.notation.writer import BATCH
from symgrad.formulas.rendering import presentation
from symgrad.formulas.spelling.tree import Tree
from symgrad.formulas.words import spoken
from symgrad.graphs import ops

OF_PRIMITIVES = {
    "array expressions": (lower.RULES, {}),
    "formulas": (operators.OPERATORS, operators.ELSEWHERE),
    "SymPy": (explicit.RULES, explicit.ELSEWHERE),
    "reference values of the tests": (reference.OPS, {}),
}
OF_ACTS = {
    "work": (plan.WORK, {acts.CALL: "by the name of the function: `CALLED`"}),
    "index maps": (indices.STEPS, dict.fromkeys(set(acts.ACTS.values()) - acts.VIEWS, "no view")),
    "NumPy": (spell.RULES, spell.ELSEWHERE),
    "C": (writers.WRITERS, writers.ELSEWHERE),
}


@pytest.mark.parametrize("stage", [*OF_PRIMITIVES, *OF_ACTS])
def test_the_table_of_a_stage_is_complete(stage):
    table, elsewhere = (OF_PRIMITIVES | OF_ACTS)[stage]
    names = ops.OPS if stage in OF_PRIMITIVES else acts.ACTS
    missing = sorted(set(names) - set(table) - set(elsewhere))
    assert not missing, f"{stage}: {missing} have no entry; add one, or say in ELSEWHERE why they have none"
    assert not set(table) & set(elsewhere), f"{stage}: an entry, and a reason why there is none"
    assert set(table) | set(elsewhere) == set(names), f"{stage}: entries of operations that are none"
    assert all(len(reason) > 5 for reason in elsewhere.values())


def called():
    """The names of functions of whole arrays that are made anywhere in codegen, and those of matrices."""
    for path in sorted((ROOT / "codegen").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "call" and node.args:
                for part in ast.walk(node.args[0]):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        yield part.value


def test_functions_of_whole_arrays_are_known_to_work_and_to_c():
    names = set(called())
    assert {"solve", "einsum", "powers", "distances"} <= names
    assert names <= set(plan.CALLED), "say in plan.CALLED what the function costs"
    factors = dict.fromkeys(("eigvalsh", "eigenvectors", "svdvals", "singular_vectors", "qr", "argsort"), "NumPy's, between two pieces of C")
    python_only = {**factors, "cofactor": "no C yet", "overlap": "C has it as `overlaps`, with what is laid back"}
    assert names <= set(writers.CALLED) | set(python_only)


def functions(tree):
    if isinstance(tree, Tree):
        if tree.head == "call":
            yield tree.args[0].rstrip("'")
        tree = tree.args
    if isinstance(tree, tuple):
        for part in tree:
            yield from functions(part)


PHRASES = {"stop", "reshape", "pad"}  # functions with sentences of their own in words/clauses.py


@pytest.mark.parametrize("op", sorted(set(EXAMPLES) - set(operators.ELSEWHERE)))
def test_what_a_formula_calls_a_primitive_has_words(op):
    known = {*spoken.ENTRYWISE, *spoken.FORMS, *spoken.REDUCTIONS, *PHRASES, "real", "where"}
    for node in EXAMPLES[op]:
        _, main, lines, _ = presentation(node, BATCH, lexicon([node]))
        assert set(functions(main)) <= known, "say in words/spoken.py how it is called"
