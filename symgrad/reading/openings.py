"""Operands that begin with a sign: parentheses, stacks, choices, norms, roots, sums over an index."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from symgrad.reading.pratt import BINDING, PREFIX, Piece, Pratt
from symgrad.reading.tokens import Lexeme


def _minus(p: Pratt, token: Lexeme) -> Piece:
    inner = p.expression(max(PREFIX, p.least))  # -a ⊙ b is -(a ⊙ b), 2**-a * b is not
    return Piece("sum", ((-1 if token.text == "-" else 1, inner),), token.column)


def _parenthesis(p: Pratt, token: Lexeme) -> Piece:
    outer, p.bars = p.bars, []
    parts = [p.expression(0)]
    if p.sees(".."):
        p.take()
        piece = Piece("count", (parts[0], p.expression(0)), token.column)
        p.expect(")", token)
        p.bars = outer
        return piece
    comma = p.sees(",")
    while p.sees(","):
        p.take()
        if not p.sees(")"):
            parts.append(p.expression(0))
    p.expect(")", token)
    p.bars = outer
    return Piece("tuple", tuple(parts), token.column) if comma else Piece("parens", (parts[0],), token.column)


def _bracket(p: Pratt, token: Lexeme) -> Piece:
    """[a; b] is a stack, [a > 0] a condition as a number, [...]_ij a tensor by its entries."""
    outer, p.bars = p.bars, []
    rows = [[p.expression(0)]]
    while p.sees(",", ";"):
        if p.take().text == ";":
            rows.append([])
        rows[-1].append(p.expression(0))
    p.expect("]", token)
    p.bars = outer
    if len(rows) == 1 and len(rows[0]) == 1:
        condition = rows[0][0].head in ("relation", "logic", "not")
        return Piece("bracket" if condition else "group", (rows[0][0],), token.column)
    return Piece("matrix", tuple(map(tuple, rows)), token.column)


def _cases(p: Pratt, token: Lexeme) -> Piece:
    outer, p.bars = p.bars, []
    rows: list[tuple[Piece, Piece]] = []
    while True:
        value = p.expression(0)
        word = p.take()
        if word.text == "if":
            rows.append((value, p.expression(0)))
        elif word.text == "otherwise" and rows:
            p.expect("}", token)
            p.bars = outer
            return Piece("cases", (tuple(rows), value), token.column)
        else:
            p.refuse(word, "a choice is written {a if c, b otherwise}")
        if p.sees("}"):
            p.refuse(p.next, "a choice is written {a if c, b otherwise}")
        if p.sees(",", ";"):
            p.take()


def _enclosed(p: Pratt, token: Lexeme) -> Piece:
    p.bars.append(token.text)
    inner = p.expression(0)
    p.expect(token.text, token)
    p.bars.pop()
    if token.text == "|":
        return Piece("bars", (inner,), token.column)
    index = p.take().text if p.next.kind == "sub" and p.next.text in ("F", "2", "1") else ""
    return Piece("norm", (inner, index), token.column)


def _rounded(p: Pratt, token: Lexeme) -> Piece:
    head, closing = {"⌊": ("floor", "⌋"), "⌈": ("ceil", "⌉")}[token.text]
    inner = p.expression(0)
    p.expect(closing, token)
    return Piece(head, (inner,), token.column)


def _sum_sign(p: Pratt, token: Lexeme) -> Piece:
    if p.next.kind != "sub":
        p.refuse(token, "∑ needs its index: ∑_i")
    index = p.take()
    groups = index.inside
    equals = next((i for i, t in enumerate(groups) if t.text == "="), None)
    low = p.read(groups[equals + 1:]) if equals is not None else None
    letters = p.letters(index if equals is None else Lexeme("sub", groups[0].text, index.column, False, groups[:equals]))
    high = p.read(p.take().inside) if p.next.kind == "sup" else None
    return Piece("big", (letters, p.expression(BINDING["-"]), low, high), token.column)


def _root(p: Pratt, token: Lexeme) -> Piece:
    return Piece("root", (p.postfix(p.operand()),), token.column)


def _not(p: Pratt, token: Lexeme) -> Piece:
    return Piece("not", (p.expression(BINDING["<"] - 1),), token.column)


def _dots(p: Pratt, token: Lexeme) -> Piece:
    p.refuse(token, "… leaves something out; write the formula whole")


OPENINGS: Mapping[str, Callable[[Pratt, Lexeme], Piece]] = MappingProxyType({
    "-": _minus, "+": _minus, "(": _parenthesis, "[": _bracket, "{": _cases, "‖": _enclosed, "|": _enclosed, "⌊": _rounded,
    "⌈": _rounded,
    "∑": _sum_sign, "√": _root, "¬": _not, "…": _dots, "∞": lambda p, token: Piece("num", ("inf",), token.column),
})
