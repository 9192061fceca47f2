"""Tokens into a tree: operator precedence as printed formulas have it (Pratt, 1973).

From loose to tight: ∨ ∧, relations, + -, ⊙ ⊗ ⊘, * @, factors side by side, /, powers and indices. So `Xᵀ X ⊗ I` is a
product under ⊗, `1/n Xᵀ r` a quotient in front of a product, and a sum ∑_t reaches as far as the next + or -. What a name
means is not asked here, but which names there are: `x¹` is a name where it is declared, and else a power.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from symgrad.formulas.spelling.glyphs import GREEK
from symgrad.reading.grammar import DEPTH, OneLine
from symgrad.reading.spellings import Spellings
from symgrad.reading.tokens import Lexeme, split
from symgrad.reading.touching import FOREIGN, called, cut, is_command, lexemes

BINDING = {"∨": 5, "∧": 6, "<": 10, ">": 10, "≤": 10, "≥": 10, "=": 10, "≠": 10, "+": 20, "-": 20, "⊙": 30, "⊗": 30,
           "⊘": 30, "*": 40, "@": 40, "·": 50, "/": 60, "**": 80}
BESIDE, PREFIX = 50, 25
HEADS = {"∨": "logic", "∧": "logic", **dict.fromkeys("<>≤≥=≠", "relation"), "⊙": "hadamard", "⊗": "kron", "⊘": "over",
         "*": "times", "@": "matmul", "/": "over", "**": "raised"}
SUMS = frozenset(("Σ", "sum"))  # with an index, they are the sign of a sum
STOPS = frozenset(("if", "otherwise", "where"))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a formula: its head, its arguments (pieces, texts and tuples of those), its column."""

    head: str
    args: tuple[Any, ...]
    column: int


class Pratt:
    """Reads the tokens of one formula.

    `functions` are the words that take arguments, `openings` say what begins with a sign (`openings.py`).
    """

    def __init__(self, source: OneLine, spellings: Spellings, functions: Collection[str],
                 openings: Mapping[str, Callable[[Any, Lexeme], Piece]]) -> None:
        self.source, self.spellings, self.functions, self.openings = source, spellings, functions, openings
        self.least = 0  # what the operators of the formula being read must exceed
        self.tokens: Sequence[Lexeme] = ()
        self.place = self.depth = 0
        self.bars: list[str] = []  # ‖ and | that are open, within the innermost brackets

    def read(self, tokens: Sequence[Lexeme]) -> Piece:
        """All of `tokens` as one formula."""
        outer = self.tokens, self.place, self.bars
        end = (tokens[-1].column + len(tokens[-1].text)) if tokens else len(self.source.text)
        self.tokens, self.place, self.bars = (*tokens, Lexeme("end", "", end)), 0, []
        piece = self.expression(0)
        if self.next.kind != "end":
            self.unexpected()
        self.tokens, self.place, self.bars = outer
        return piece

    @property
    def next(self) -> Lexeme:
        return self.tokens[self.place]

    def take(self) -> Lexeme:
        token = self.next
        self.place += token.kind != "end"
        return token

    def sees(self, *signs: str) -> bool:
        return self.next.kind == "sign" and self.next.text in signs

    def expect(self, sign: str, opened: Lexeme) -> None:
        if not self.sees(sign):
            if self.next.kind == "end":
                self.refuse(opened, f"{opened.text} is not closed; write {sign}")
            self.unexpected(f", {sign} is")
        self.take()

    def refuse(self, token: Lexeme, message: str) -> NoReturn:
        self.source.refuse(token.column, message)

    def unexpected(self, instead: str = "") -> NoReturn:
        token = self.next
        if token.kind == "end":
            self.refuse(token, "the formula ends where an operand is missing")
        self.refuse(token, f"{token.text} is not expected here{instead}")

    # the loop -----------------------------------------------------------------------------------------------

    def expression(self, least: int) -> Piece:
        """The longest formula from here whose operators bind closer than `least`."""
        self.depth += 1
        if self.depth > DEPTH:
            self.refuse(self.next, f"nested more than {DEPTH} levels deep")
        outer, self.least = self.least, least
        left = self.postfix(self.operand())
        self.least = outer
        while True:
            token = self.next
            if token.kind == "sign" and token.text in BINDING:
                power = BINDING[token.text]
                if power <= least:
                    break
                self.take()
                left = self.joined(token, left, power)
            elif self.starts() and BESIDE > least:
                left = _flat("product", left, self.expression(BESIDE), token.column)
            else:
                break
            left = self.postfix(left)
        self.depth -= 1
        return left

    def joined(self, token: Lexeme, left: Piece, power: int) -> Piece:
        sign = token.text
        right = self.expression(power - (sign == "**"))
        if sign in "+-":
            terms = left.args if left.head == "sum" else ((1, left),)
            return Piece("sum", (*terms, (1 if sign == "+" else -1, right)), token.column)
        if sign == "·":
            return _flat("product", left, Piece("dot", (right,), token.column), token.column)
        if sign == "⊙":
            return _flat("hadamard", left, right, token.column)
        if HEADS[sign] == "relation" and left.head == "relation":
            self.refuse(token, "a chain of comparisons is not read; write a < b ∧ b < c")
        if HEADS[sign] in ("relation", "logic"):
            return Piece(HEADS[sign], (sign, left, right), token.column)
        return Piece(HEADS[sign], (left, right), token.column)

    def starts(self) -> bool:
        """Does a factor begin here?"""
        token = self.next
        if token.kind in ("number", "word"):
            return token.text not in STOPS
        if token.kind != "sign":
            return False
        return token.text in "([{∑√⌊⌈∞…¬" or (token.text in "‖|" and token.text not in self.bars)

    # operands -----------------------------------------------------------------------------------------------

    def operand(self) -> Piece:
        token = self.take()
        if token.kind == "number":
            return Piece("num", (token.text,), token.column)
        if token.kind == "word" and token.text not in STOPS:
            return self.word(token)
        if token.kind == "sign":
            rule = self.openings.get(token.text)
            if rule is not None:
                return rule(self, token)
        self.place -= token.kind != "end"
        self.unexpected()

    def word(self, token: Lexeme) -> Piece:
        place = self.place - 1
        found = self.spellings.find(self.tokens, place)
        behind = place + (found.length if found else 1)
        brackets = self.tokens[behind].text == "(" and self.tokens[behind].kind == "sign"
        if found is None and token.text in SUMS and self.next.kind == "sub":  # one meaning, however it is typed
            return self.openings["∑"](self, token)
        function = self.function(token, place, found is None)
        if function is not None and not (found and brackets and self.tokens[behind].space):
            return function
        if found is None and self.cut(place):
            return self.word(self.tokens[place])
        if found is None:
            if token.text in FOREIGN or (len(token.text) > 1 and called(self.tokens, place)):
                self.refuse(token, f"there is no function {token.text}")
            return Piece("word", (token.text,), token.column)
        self.place = behind
        piece = Piece("name", (found.name,), token.column)
        if found.indices:
            comma = Lexeme("sign", ",", token.column)
            inside = tuple(t for group in found.indices for t in (*group, comma))[:-1]
            piece = Piece("at", (piece, self.letters(Lexeme("sub", "", token.column, False, inside))), token.column)
        return piece

    def cut(self, place: int) -> bool:
        """Xw at `place` becomes X and w, if those are names."""
        token = self.tokens[place]
        if token.kind != "word" or len(token.text) < 2 or token.text in self.functions or (
                self.spellings.find(self.tokens, place) or is_command(self.source, token)):
            return False
        parts = cut(token.text, self.functions, self.spellings.knows)
        if parts is not None:
            self.tokens = (*self.tokens[:place], *lexemes(token, parts), *self.tokens[place + 1:])
        return parts is not None

    def function(self, token: Lexeme, place: int, free: bool) -> Piece | None:
        """f(x), max_j(x), log x or tan² x: a function by its name and arguments, if it is one."""
        text = token.text
        if free and text not in self.functions and called(self.tokens, place):
            text = GREEK.get(text, text)  # sigma(x) is σ(x)
        if text not in self.functions:
            return None
        after = place + 1
        subs: tuple[Piece, ...] = ()
        if self.tokens[after].kind == "sign" and self.tokens[after].text == "'":
            after += 1
        if self.tokens[after].kind == "sub" and not (after == place + 1 and not free):
            subs = self.letters(self.tokens[after])
            after += 1
        name = text + "'" * (self.tokens[place + 1].text == "'")
        power = self.tokens[after] if free and self.tokens[after].kind == "sup" else None
        if power is not None:
            if power.text == "-1":
                self.refuse(power, f"{text}⁻¹ may be 1/{text}(x) or the inverse function; write the former so")
            after += 1
        follows = self.tokens[after]
        if follows.kind == "sign" and follows.text == "(" and (free or not follows.space):
            self.place = after + 1
            args, named = self.arguments(follows)
            made = Piece("call", (name, args, subs, named), token.column)
            return made if power is None else self.raised(made, power)
        if not free:
            return None
        if follows.kind == "end" or (follows.kind == "sign" and follows.text not in "[‖|√{"):
            self.refuse(token, f"{token.text} is a function: write {token.text}(...)")
        self.place = after
        made = Piece("call", (name, (self.argument_beside(),), subs, ()), token.column)
        if self.sees("/") and follows.kind != "sign":
            self.refuse(self.next, f"{text} x/y may be {text}(x)/y or {text}(x/y); write the parentheses")
        return made if power is None else self.raised(made, power)

    def argument_beside(self) -> Piece:
        """The argument of a function without parentheses: 2x of cos 2x, p of log p q; what touches, up to a function."""
        made = self.expression(BINDING["/"])
        numbers = made.head == "num"
        while self.next.kind == "word" and self.starts() and (numbers or not self.next.space):
            self.cut(self.place)
            if self.next.text in self.functions:
                break
            numbers = False
            made = _flat("product", made, self.expression(BINDING["/"]), self.next.column)
        return made

    def arguments(self, opened: Lexeme) -> tuple[tuple[Piece, ...], tuple[tuple[str, Piece], ...]]:
        """What stands in the parentheses of a call: arguments, and those with a name, as in axis=1."""
        outer, self.bars = self.bars, []
        args: list[Piece] = []
        named: list[tuple[str, Piece]] = []
        while not self.sees(")"):
            following = self.tokens[self.place + 1:self.place + 2]
            if self.next.kind == "word" and following and following[0].text == "=" and not self.spellings.find(
                    self.tokens, self.place):
                word = self.take()
                self.take()
                named.append((word.text, self.expression(0)))
            else:
                args.append(self.expression(0))
            if not self.sees(","):
                break
            self.take()
        self.expect(")", opened)
        self.bars = outer
        return tuple(args), tuple(named)

    def letters(self, token: Lexeme) -> tuple[Piece, ...]:
        """The indices of a subscript: i, j of _ij and of _{i,j}; y_t of _{y_t}."""
        if not token.inside:
            self.refuse(token, f"the index {token.text!r} is not read")
        found: list[Piece] = []
        for group in split(token.inside, ","):
            lone = group[0] if len(group) == 1 and group[0].kind == "word" else None
            if lone and len(lone.text) > 1 and lone.text.isalpha() and not self.spellings.find([lone], 0):
                found += [Piece("word", (c,), lone.column) for c in lone.text]
            elif len(group) > 1 and all(t.kind == "word" and len(t.text) == 1 for t in group):
                found += [self.read([t]) for t in group]  # i j in LaTeX
            elif group:
                found.append(self.read(group))
        return tuple(found)

    # what follows an operand ----------------------------------------------------------------------------------

    def postfix(self, piece: Piece) -> Piece:
        while True:
            token = self.next
            if token.kind == "sup":
                self.take()
                piece = self.raised(piece, token)
            elif token.kind == "sub":
                self.take()
                piece = Piece("entries" if piece.head == "group" else "at", (piece, self.letters(token)), token.column)
            elif token.kind == "sign" and token.text == "'":
                self.take()
                piece = Piece("transpose", (piece,), token.column)
            elif self.sees("[") and not token.space and piece.head != "num":
                self.take()
                piece = Piece("item", (piece, self.places(token)), token.column)
            elif self.sees(".") and self.tokens[self.place + 1].kind == "word":
                piece = self.dotted(piece)
            else:
                return piece

    def raised(self, piece: Piece, token: Lexeme) -> Piece:
        text = token.text
        if text in ("T", "⊤", "'", "-T"):
            inner = Piece("inverse", (piece,), token.column) if text == "-T" else piece
            return Piece("transpose", (inner,), token.column)
        if text == "-1":
            return Piece("inverse", (piece,), token.column)
        if not token.inside:
            self.refuse(token, f"the power {text!r} is not read")
        return Piece("power", (piece, self.read(token.inside), text.startswith("⊙")), token.column)

    def dotted(self, piece: Piece) -> Piece:
        dot = self.take()
        word = self.take()
        if self.sees("(") and not self.next.space:
            args, named = self.arguments(self.take())
            return Piece("method", (piece, word.text, args, named), word.column)
        if word.text not in ("T", "mT", "shape"):
            self.refuse(dot, f"the attribute .{word.text} is not read; .T, .mT and .shape are")
        if word.text == "shape":
            return Piece("shape", (piece,), word.column)
        return Piece("transpose", (piece,), word.column)

    def places(self, opened: Lexeme) -> tuple[Piece, ...]:
        """What stands between [ and ] behind an operand: indices and ranges."""
        outer, self.bars = self.bars, []
        found = [self.part_of_range()]
        while self.sees(","):
            self.take()
            found.append(self.part_of_range())
        self.expect("]", opened)
        self.bars = outer
        return tuple(found)

    def part_of_range(self) -> Piece:
        parts: list[Piece | None] = [None]
        column = self.next.column
        while not self.sees("]", ","):
            if self.sees(":"):
                self.take()
                parts.append(None)
            else:
                parts[-1] = self.expression(0)
        if len(parts) == 1 and parts[0] is not None:
            return parts[0]
        if len(parts) in (2, 3):
            return Piece("range", (*parts, *[None] * (3 - len(parts))), column)
        self.unexpected()


def _flat(head: str, left: Piece, right: Piece, column: int) -> Piece:
    parts = left.args if left.head == head else (left,)
    return Piece(head, (*parts, right), column)
