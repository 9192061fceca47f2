"""Primitives are objects of one table: who asks for one asks for the object, and what is no primitive is not made."""

import ast
import pickle

import pytest
from places import ROOT

import symgrad as sg
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Arrays
from symgrad.graphs import ops
from symgrad.graphs.node import make

FILES = sorted(p for room in ("graphs", "codegen", "symgrad") for p in (ROOT / room).rglob("*.py")
               if p.relative_to(ROOT).parts[:2] not in (("symgrad", "graphs"), ("symgrad", "codegen")))


def test_every_file_is_read():
    assert len(FILES) > 200 and ROOT / "graphs" / "ops.py" in FILES and ROOT / "codegen" / "lowering" / "acts.py" in FILES


def texts_compared(tree):
    """The lines where `.op` meets a text: in a comparison, among a tuple of names, as a key of a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            if any(isinstance(side, ast.Attribute) and side.attr == "op" for side in sides) and any(
                    isinstance(part, ast.Constant) and isinstance(part.value, str) for side in sides
                    for part in (side.elts if isinstance(side, (ast.Tuple, ast.List, ast.Set)) else [side])):
                yield node.lineno
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Attribute) and node.slice.attr == "op" and (
                isinstance(node.value, ast.Dict) and any(isinstance(key, ast.Constant) for key in node.value.keys)):
            yield node.lineno
        if isinstance(node, ast.Match) and isinstance(node.subject, ast.Attribute) and node.subject.attr == "op":
            yield node.lineno


@pytest.mark.parametrize("text, bad", [
    ("a.op == 'add'", True), ("'add' != a.op", True), ("a.op in ('add', 'view')", True), ("a.op is ops.ADD", False),
    ("a.op in ops.PRODUCTS", False), ("{'add': 1}[a.op]", True),
    ("match a.op:\n  case 'add': pass", True), ("a.op is b.op and x.name == 'add'", False)])
def test_the_reader_of_comparisons_sees_them(text, bad):
    assert bool(list(texts_compared(ast.parse(text)))) is bad


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nobody_compares_an_operation_with_a_text(path):
    lines = list(texts_compared(ast.parse(path.read_text(encoding="utf-8"))))
    assert not lines, f"{path.relative_to(ROOT)}, lines {lines}: compare with a name of ops.py or acts.py, by `is` or `in`"


def test_every_name_is_of_one_kind_and_one_object():
    for module, table in ((ops, ops.OPS), (acts, acts.ACTS)):
        names = [value for value in vars(module).values() if isinstance(value, (ops.Op, acts.Act))]
        assert sorted(names) == sorted(table) and all(table[name] is name for name in names)
        assert sum(map(len, module.KINDS)) == len(table), "an operation is of one kind"
        assert all(vars(module)[name.upper()] is name for name in names)


def test_what_is_no_primitive_is_not_made():
    x = sg.data("x", 3).node
    with pytest.raises(ValueError, match="no primitive is called 'odd'; known are .*softmax"):
        make("odd", (x,), (), (3,), "real")
    with pytest.raises(ValueError, match="no operation on arrays is called 'odd'; known are .*matmul"):
        Arrays().make("odd", (), (), (3,), "real")


def test_a_text_and_its_name_make_one_node():
    x = sg.data("x", 3).node
    node = make("stop", (x,), (), (3,), "real")
    assert node is make(ops.STOP, (x,), (), (3,), "real") and node.op is ops.STOP
    again = pickle.loads(pickle.dumps(node))
    assert again.op is ops.STOP and b"Op" not in pickle.dumps(node)
