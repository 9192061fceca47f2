"""A text and its syntax tree: where things stand in it, and what is wrong with it before any meaning.

Python's own `ast` parses, so precedence is Python's. It runs nothing; it does run out of stack, memory or
patience on some texts, and all of that is a `ParseError` here.
"""

from __future__ import annotations

import ast
import re
import warnings
from dataclasses import dataclass
from typing import NoReturn

from symgrad.graphs.errors import ParseError

LENGTH = 10_000  # characters of a text
DEPTH = 80  # levels of nesting; a sum of many terms is one level
WIDTH = 72  # of the part of a text that an error shows
STATEMENTS = frozenset("""as assert async await break class continue def del elif except finally from global
import lambda nonlocal pass raise return try while with yield""".split())
REFUSED = {
    "Lambda": "a lambda is not read",
    "IfExp": "a conditional expression is not read; write where(condition, a, b)",
    **dict.fromkeys(("ListComp", "SetComp", "DictComp", "GeneratorExp"), "a comprehension is not read"),
    "NamedExpr": "a walrus (:=) is not read",
    "JoinedStr": "an f-string is not read",
    "TemplateStr": "a template string is not read",
    "Dict": "a dictionary is not read",
    "Set": "a set is not read",
    "Starred": "an unpacking (*) is not read",
    "Tuple": "a tuple stands only as an argument or between [ and ]",
    "List": "a list stands only as an argument or between [ and ]",
    **dict.fromkeys(("Await", "Yield", "YieldFrom"), "a coroutine (await, yield) is not read"),
    "And": "'and' is not read; write logical_and(a, b)",
    "Or": "'or' is not read; write logical_or(a, b)",
    "Not": "'not' is not read; write logical_not(a)",
    "Invert": "~ is not read; write logical_not(a)",
    "BitXor": "^ is not read; write ** for powers",
    "BitAnd": "& is not read; write logical_and(a, b)",
    "BitOr": "| is not read; write logical_or(a, b), or abs(x) and norm(x) for bars",
    "FloorDiv": "// is not read; write floor(a / b)",
    "Mod": "% is not read",
    "LShift": "<< is not read",
    "RShift": ">> is not read",
    "Eq": "== is not read; write equal(a, b)",
    "NotEq": "!= is not read; write logical_not(equal(a, b))",
    **dict.fromkeys(("Is", "IsNot", "In", "NotIn"), "'is' and 'in' are not read; write equal(a, b)"),
}
SPELLED = {
    "²": "**2", "³": "**3", "·": "*", "×": "*", "⋅": "*", "⊙": "*", "∘": "*", "−": "-", "–": "-", "÷": "/",
    "≤": "<=", "≥": ">=", "ᵀ": ".T", "⊤": ".T", "′": ".T", "’": ".T", "√": "sqrt(...)", "∑": "sum(...)",
    "‖": "norm(...)",
}
CHARACTERS = {
    **{char: f"write {text}" for char, text in SPELLED.items()},
    "\\": "a formula is in Python's grammar, not in LaTeX",
    "#": "a formula has no comments",
}



@dataclass(frozen=True)
class OneLine:
    """A text on one line. Columns are counted from 0 here, from 1 for people."""

    text: str

    def at(self, column: int, message: str) -> str:
        """`message` with its column and that part of the text, marked."""
        column = min(max(column, 0), len(self.text))
        first = max(0, min(column - WIDTH // 2, len(self.text) - WIDTH))
        part = "".join(c if c.isprintable() else "�" for c in self.text[first:first + WIDTH])
        left, right = "..." if first else "", "..." if first + WIDTH < len(self.text) else ""
        caret = " " * (len(left) + column - first) + "^"
        return f"column {column + 1}: {message}\n    {left}{part}{right}\n    {caret}"

    def refuse(self, where: int | ast.AST, message: str) -> NoReturn:
        """Raise ParseError at a column, or where a node starts."""
        column = self.start(where) if isinstance(where, ast.AST) else where
        said = "".join(char if char.isprintable() else f"U+{ord(char):04X}" for char in message)
        raise ParseError(self.at(column, said)) from None

    def start(self, node: ast.AST) -> int:
        return self._column(getattr(node, "col_offset", 0))

    def end(self, node: ast.AST) -> int:
        return self._column(getattr(node, "end_col_offset", 0))

    def behind(self, node: ast.AST) -> int:
        """The column of the operator after an operand and the brackets around it."""
        rest = self.text[self.end(node):]
        return len(self.text) - len(rest.lstrip(" )"))

    def _column(self, position: int) -> int:
        """The column of a position of `ast`, which counts bytes, without the blanks in front."""
        bare = self.text.lstrip(" ")
        return len(self.text) - len(bare) + len(bare.encode()[:position].decode(errors="ignore"))

    def tree(self) -> ast.expr:
        """The syntax tree; raises ParseError where there is none, or one that is too large."""
        if len(self.text) > LENGTH:
            raise ParseError(f"the text has {len(self.text)} characters, more than {LENGTH}")
        if not self.text.strip(" "):
            raise ParseError("the text is empty")
        for column, char in enumerate(self.text):
            if char in CHARACTERS:
                self.refuse(column, f"{char} is not read; {CHARACTERS[char]}")
            if not char.isprintable():
                self.refuse(column, f"the character U+{ord(char):04X} cannot stand in a formula")
        bare = self.text.lstrip(" ")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as for 1if: what is wrong is refused in our words
                tree = ast.parse(bare, mode="eval").body
        except SyntaxError as error:
            column, message = self._explain(error.msg, len(self.text) - len(bare) + (error.offset or 1) - 1)
            self.refuse(column, message)
        except (RecursionError, MemoryError):
            raise ParseError("the text is nested too deeply, or has too many terms") from None
        except ValueError as error:
            raise ParseError(f"the text cannot be read: {error}") from None
        self._check_depth(tree)
        return tree

    def _check_depth(self, tree: ast.expr) -> None:
        levels: list[tuple[ast.AST, int]] = [(tree, 0)]
        while levels:
            node, depth = levels.pop()
            if depth > DEPTH:
                self.refuse(node, f"nested more than {DEPTH} levels deep")
            chain = node.left if isinstance(node, ast.BinOp) else None
            levels.extend((child, depth + (child is not chain)) for child in ast.iter_child_nodes(node))

    def _explain(self, message: str, column: int) -> tuple[int, str]:
        """Where and what: better words for the slips of formulas, Python's own for the rest."""
        for quote in re.finditer(r"""(?<=[\w\])])'|'[^']*'|"[^"]*\"""", self.text):
            if quote[0] == "'":  # right behind a name or a bracket
                return quote.start(), "' is not read; write .T for a transpose, as in X.T"
        for word in re.finditer(r"\w+", self.text):
            if word[0] in STATEMENTS:
                return word.start(), f"{word[0]!r} is a word of Python's own and has no meaning in a formula"
        if self.text[column:column + 1] == "=" or "'='" in message or "assign" in message:
            return column, "an assignment (=) is not read"
        if "decimal literal" in message:
            return column, "a number cannot touch a name; a product is written with its sign, as in 2 * x"
        if "|" in self.text:
            return self.text.index("|"), REFUSED["BitOr"]
        if message.startswith("invalid syntax"):
            return column, "not an expression; is an operator (*, @) or a bracket missing?"
        return column, message[:200]
