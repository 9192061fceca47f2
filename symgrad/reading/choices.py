"""Conditions and what is chosen by them: [a > 0], {a if c, b otherwise}, ∧ ∨ ¬."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType

from symgrad.reading.folding import is_number
from symgrad.reading.meaning import Meaning, Rule, unary
from symgrad.reading.pratt import Piece
from symgrad.reading.values import Worth

RELATIONS = MappingProxyType({"<": operator.lt, ">": operator.gt, "≤": operator.le, "≥": operator.ge})


def relation(m: Meaning, piece: Piece) -> Worth:
    sign, left, right = piece.args
    a, b = m.value(left), m.value(right)
    if is_number(a) and is_number(b):
        m.refuse(piece, f"{sign} compares tensors; here are two numbers")
    values = [m.lifted(a, left), m.lifted(b, right)]
    if sign in RELATIONS:
        return m.each(piece, sign, RELATIONS[sign], values)
    same = m.each(piece, "=", m.functions["equal"], values)
    return same if sign == "=" else m.each(piece, "≠", m.functions["logical_not"], [same])


def logic(m: Meaning, piece: Piece) -> Worth:
    function = {"∧": "logical_and", "∨": "logical_or"}[piece.args[0]]
    return m.each(piece, piece.args[0], m.functions[function], [m.whole(part) for part in piece.args[1:]])


def bracket(m: Meaning, piece: Piece) -> Worth:
    where = m.functions["where"]
    return m.each(piece, "[ ]", lambda t: where(t, 1, 0), [m.whole(piece.args[0])])


def cases(m: Meaning, piece: Piece) -> Worth:
    rows, otherwise = piece.args
    made = m.whole(otherwise)
    for value, test in reversed(rows):
        made = m.each(piece, "{ }", m.functions["where"], [m.whole(test), m.whole(value), made])
    return made


RULES: Mapping[str, Rule] = MappingProxyType({
    "relation": relation, "logic": logic, "bracket": bracket, "cases": cases, "not": unary("logical_not"),
})
