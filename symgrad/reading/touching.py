"""Names that touch: w'Aw is w' A w, λI is λ I, 2xexp(-x²) is 2 x exp(-x²), tan2x is tan 2 x.

A word that nobody declared is cut into the fewest parts that have a meaning. Where names are declared, those, functions and
constants are the parts. Where they are still to be guessed (`guessing.py`) a part may be any letter, with the number behind
it; then a word stays whole if it is Greek, or a small word of a text that is Python's (pred - target), or has a subscript.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Collection, Sequence

from symgrad.formulas.spelling.glyphs import GREEK
from symgrad.reading.grammar import OneLine
from symgrad.reading.tokens import Lexeme

CONSTANTS = frozenset("I e π pi".split())
LONGEST = 100  # letters of a word that is cut
# Functions that others have: their names are none of a product, such as a r c sin.
FOREIGN = frozenset("""asin acos atan asinh acosh atanh atan2 sec csc cosec
cot sech csch coth arcsec arccsc arccot lg lb cbrt sgn hypot gamma""".split())
LETTER = re.compile(r"[^\W\d_][\u0300-\u036f]*\d*")
SMALL = re.compile(r"[a-z]{3,}\d*")


def cut(word: str, functions: Collection[str], known: Callable[[str], bool]) -> list[str] | None:
    """The fewest parts that make a word, each a function, a constant, what is `known`, or a number behind a function.

    >>> cut("xexp", {"exp"}, lambda part: part == "x"), cut("cos2x", {"cos"}, lambda part: part == "x")
    (['x', 'exp'], ['cos', '2', 'x'])
    >>> cut("arcsec", {"sin"}, str.islower), cut("Xq", (), lambda part: part == "X")
    (None, None)
    """
    if word in FOREIGN or re.match(r"log(2|10)", word) or len(word) > LONGEST:
        return None
    ways: list[list[str] | None] = [[], *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(end):
            front, part = ways[start], word[start:end]
            if front is None or (end < len(word) and word[end] in "\u0302\u0303\u0304"):
                continue
            number = part.isdigit() and bool(front) and front[-1] in functions and not word[end:end + 1].isdigit()
            if not (number or part in CONSTANTS or (len(part) > 1 and part in functions) or known(part)):
                continue
            best = ways[end]
            if best is None or len(front) + 1 < len(best):
                ways[end] = [*front, part]
    found = ways[-1]
    return found if found is not None and len(found) > 1 else None


def lexemes(token: Lexeme, parts: Sequence[str]) -> list[Lexeme]:
    """The parts of a word as tokens that touch."""
    found, column = [], token.column
    for place, part in enumerate(parts):
        found.append(Lexeme("number" if part.isdigit() else "word", part, column, token.space and not place))
        column += len(part)
    return found


def called(tokens: Sequence[Lexeme], place: int) -> bool:
    """Does a parenthesis touch the word at `place`?"""
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    return after is not None and after.kind == "sign" and after.text == "(" and not after.space


def is_command(source: OneLine, token: Lexeme) -> bool:
    r"""Is a word that of a command of LaTeX: \\bX?"""
    return source.text.startswith("\\" + token.text, token.column)


def is_python(text: str) -> bool:
    """Has a text a tree in Python's grammar?"""
    try:
        ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def apart(source: OneLine, tokens: Sequence[Lexeme], functions: Collection[str], declared: Callable[[str], bool],
          python: bool) -> tuple[Lexeme, ...]:
    """Tokens whose names are to be guessed, with names that touch cut apart, in superscripts too.

    Raises ParseError for a function that there is not: arcsec(x), foo(x).
    """
    def known(part: str) -> bool:
        return declared(part) or part in GREEK or part == "lam" or LETTER.fullmatch(part) is not None

    found: list[Lexeme] = []
    for place, token in enumerate(tokens):
        if token.kind == "sup" and token.inside and token.text not in ("T", "⊤", "-T"):
            inside = apart(source, token.inside, functions, declared, python)
            token = Lexeme("sup", token.text, token.column, token.space, inside)
        dotted = bool(found) and found[-1].kind == "sign" and found[-1].text == "."
        if token.kind != "word" or dotted or declared(token.text) or token.text in functions:
            found.append(token)
            continue
        after = tokens[place + 1] if place + 1 < len(tokens) else Lexeme("end", "", 0)
        calls = called(tokens, place)
        if token.text == "Σ" and after.kind == "sub" and after.text[:1].isalpha():  # with an index it is a sum
            found.append(Lexeme("sign", "∑", token.column, token.space))
            continue
        if token.text in FOREIGN and not (token.text in GREEK and not calls):
            source.refuse(token.column, f"there is no function {token.text}")
        small = SMALL.fullmatch(token.text) is not None
        if is_command(source, token) and not known(token.text):
            source.refuse(token.column, f"there is no command \\{token.text}; declare it with --shape if it is a name")
        parts = None if known(token.text) else cut(token.text, functions, known)
        if parts is not None and (not small or after.kind != "sub") and not _word(parts, functions, small, python, calls):
            found += lexemes(token, parts)
            continue
        if calls and (token.text in ("f", "g") or (small and not known(token.text))):
            source.refuse(token.column, f"there is no function {token.text}")
        found.append(token)
    return tuple(found)


def _word(parts: Sequence[str], functions: Collection[str], small: bool, python: bool, calls: bool) -> bool:
    """Is a word, whose parts could be letters, a name nevertheless? xexp( and sinx are none, foo( and pred are."""
    if not small:
        return False
    if calls:
        return parts[-1] not in functions
    return python and not (parts[0] in functions and all(part.isdigit() or len(part) == 1 for part in parts[1:]) and (
        sum(not part.isdigit() for part in parts) == 2))
