"""A user's texts within the text of a program: one function for each place where they may stand.

Names, titles, and what an optimiser is about come from outside; a program that is written from them runs. So no text
is put into a program as it is: as a name it goes through `python/identifiers.py`, everywhere else through one of these.
Each gives a text that reads as the one it was given, for everybody, the language's parser above all.
"""

from __future__ import annotations

from collections.abc import Sequence


def shown(text: str) -> str:
    r"""The text with what cannot be printed as Python escapes it.

    >>> print(shown("a\x00b\u2028c Δ"))
    a\x00b\u2028c Δ
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def literal(text: str) -> str:
    r"""The text as a string literal of Python, on one line, in double quotes.

    >>> print(literal('say "Δ"'), literal("C:\\x"), literal("a\nb"))
    "say \"Δ\"" "C:\\x" "a\nb"
    """
    return '"' + shown(text.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def in_comment(text: str) -> str:
    r"""The text as it may follow a `#`: on one line.

    >>> print("#", in_comment("a\nimport os"))
    # a import os
    """
    return shown(" ".join(text.split()))


def in_docstring(text: str) -> str:
    r"""The text as it may stand within a docstring; its line breaks are kept.

    >>> print(in_docstring('of \\d, "x" and "'))
    of \\d, "x" and \"
    """
    text = text.replace("\\", "\\\\")
    apart = ("\\" + c if c == after == '"' else c for c, after in zip(text, text[1:] + '"', strict=False))
    return "\n".join(map(shown, "".join(apart).split("\n")))


def docstring(lines: Sequence[str], indent: str = "") -> list[str]:
    """Lines of text as the lines of a docstring; of several, the quotes that end it have one of their own.

    >>> [line.replace('"', "'") for line in docstring(["The loss.", "From x."], "  ")]
    ["  '''The loss.", '  From x.', "  '''"]
    """
    first, *rest = in_docstring("\n".join(lines)).split("\n")
    if not rest:
        return [f'{indent}"""{first}"""']
    return [f'{indent}"""{first}', *(indent + line if line else "" for line in rest), f'{indent}"""']


def block(text: str) -> str:
    """A text of many lines as a string literal of as many: raw, where that can be read back.

    >>> eval(block("int x;")), block("int x;")[0], block('int x; //"')[0]
    ('int x;', 'r', '"')
    """
    if '"""' in text or text.endswith(("\\", '"')) or not all(line.isprintable() for line in text.split("\n")):
        return f'"""{in_docstring(text)}"""'
    return f'r"""{text}"""'


def in_c_comment(text: str) -> str:
    """The text as it may stand between `/*` and `*/`: on one line, and in no way the end of the comment.

    >>> print("/*", in_c_comment("a */ b /* c"), "*/")
    /* a * / b / * c */
    """
    text = in_comment(text).replace("*/", "* /").replace("/*", "/ *")
    return text.replace("??", "? ?")  # nor of the line: old standards read ??/ as a backslash
