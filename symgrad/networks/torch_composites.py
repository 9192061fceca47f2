"""Operators of PyTorch that the table has no row for, by PyTorch's own definitions in others.

An exported program is taken apart where it must be, and only there: an operator with a row stays whole, and one that writes
through a view becomes one that does not.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from symgrad.networks.torch_table import RULES, rule_name

CALLS = ("call_function",)  # how torch.fx calls its kind of node
DEEPEST = 12  # definitions within each other


def taken_apart(program: Any) -> Any:
    """The program with definitions in the place of operators that the table does not know, as far as PyTorch has some."""
    if _writes_through_views(program):
        program = program.run_decompositions({})
    for _ in range(DEEPEST):
        table = _definitions({node.target for node in program.graph.nodes if node.op in CALLS})
        if not table:
            break
        program = program.run_decompositions(table)
    return program


def _definitions(operators: set[Any]) -> dict[Any, Any]:
    """Of operators without a row: what PyTorch computes them by."""
    import torch

    unknown = [each for each in operators if hasattr(each, "_schema") and rule_name(each) not in RULES]
    if not unknown:
        return {}
    usual = _usual()
    found = {each: usual[each] for each in unknown if each in usual}
    return found | dict(torch._decomp.get_decompositions([each for each in unknown if each not in found]))


@cache
def _usual() -> Any:
    """PyTorch's own definitions of operators by others, gathered once."""
    import torch

    return torch.export.default_decompositions()


def _writes_through_views(program: Any) -> bool:
    """Is something written in place where another name sees it, too: into a view, or where there are views of it?"""
    for node in program.graph.nodes:
        if node.op in CALLS and getattr(getattr(node.target, "_schema", None), "is_mutable", False):
            into = node.args[0]
            if _views(into) or any(_views(user) for user in into.users if user is not node):
                return True
    return False


def _views(node: Any) -> bool:
    """Does a node see the numbers of another, and write none?"""
    schema = getattr(node.target, "_schema", None)
    return schema is not None and not schema.is_mutable and any(each.alias_info is not None for each in schema.returns)
