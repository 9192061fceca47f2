"""Formulas as MathML for a page, with their LaTeX in an annotation for whoever copies or reads them aloud.

latex2mathml writes the elements. What browsers know of mathematics is in their operator dictionary, so that spaces that
would be wrong are said: the name of a function has one in front only, where no bracket is, a sign behind = or ( is a
prefix, and ⊙ in an exponent has none; bars around what is no taller than a letter do not grow. MathML Core has no bold
letters: a style makes them. Names of functions with _ or digits come letter by letter and are put together. Equations
below each other are a table whose columns meet at the sign; browsers align its cells by style.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

TIDY = [(re.compile(pattern), new) for pattern, new in (
    (r'<(mi|mn|mo) mathvariant="bold">', r'<\1 style="font-weight:bold">'),
    (r"<m[io]>((?!if|otherwise)[A-Za-z]\w+)</m[io]>", r'<mo form="prefix" lspace="0.17em" rspace="0em">\1</mo>'),
    (r'((?:&#x00028;|&#x0005B;|\[)</mo>(?:<m(?:row|sub|sup)>)*<mo form="prefix" lspace=")0.17em', r"\g<1>0em"),
    (r"((?:&#x0003D;|&#x00028;|&#x0005B;|,)</mo>)<mo>(&#x02212;|\+)</mo>", r'\1<mo form="prefix">\2</mo>'),
    (r"<mrow><mo>&#x02299;</mo>", r'<mrow><mo lspace="0em" rspace="0em">&#x02299;</mo>'),
    (r'<mo stretchy="true" (fence="true" form="prefix">&#x02016;</mo>'
     r'(?:(?!<mfrac|<munder|<mtable|<msqrt|stretchy="true").)*)'
     r'<mo stretchy="true" (fence="true" form="postfix">&#x02016;</mo>)',
     r'<mo stretchy="false" \1<mo stretchy="false" \2'),
)]

LETTERS = re.compile(r"<mo />(<m(?:sub|sup|subsup)>)?<mrow>((?:<m[ino]>(?:\w|&#x0005F;)</m[ino]>)+)</mrow>")
ALIGNED = re.compile(r"\\begin\{aligned\}(.*?)\\end\{aligned\}", re.DOTALL)


def mathml_of(latex: str, block: bool = False, large: bool = False) -> str:
    """LaTeX as one `<math>` element; `block` sets it on a line of its own, `large` as it would be there, in the line.

    >>> mathml_of("x")[-74:]
    '<annotation encoding="application/x-tex">x</annotation></semantics></math>'
    """
    text = _tidied(latex, block)
    start, end = text.index(">") + 1, text.rindex("</math>")
    inner = text[start:end]
    if not (inner.startswith("<mrow>") and inner.count("<mrow>") == inner.count("</mrow>")):
        inner = f"<mrow>{inner}</mrow>"
    opened = text[:start - 1] + (' displaystyle="true">' if large else ">")
    note = f'<annotation encoding="application/x-tex">{escape(latex, quote=False)}</annotation>'
    return f"{opened}<semantics>{inner}{note}</semantics></math>"


@lru_cache(maxsize=1024)
def _tidied(latex: str, block: bool) -> str:
    """The elements, remembered: a derivation shows its names and its formulas several times."""
    from latex2mathml.converter import convert

    text = str(convert(ALIGNED.sub(_as_array, latex), display="block" if block else "inline"))
    if ALIGNED.search(latex):
        text = text.replace("<mtable>", '<mtable displaystyle="true">')
        for side in ("right", "left"):
            style = f"text-align:{side};padding:.25em {'0 .25em .3em' if side == 'right' else '.3em .25em 0'}"
            text = text.replace(f'<mtd columnalign="{side}">', f'<mtd columnalign="{side}" style="{style}">')
    text = whole_names(text)
    for pattern, new in TIDY:
        text = pattern.sub(new, text)
    return text


def whole_names(mathml: str) -> str:
    r"""MathML with each name of a function as one operator: latex2mathml knows such of letters alone.

    >>> whole_names("<mo /><mrow><mi>l</mi><mi>o</mi><mi>g</mi><mn>2</mn></mrow>")
    '<mo>log2</mo>'
    """
    def joined(match: re.Match[str]) -> str:
        name = re.sub(r"</?m[ino]>", "", match[2]).replace("&#x0005F;", "_")
        return f"{match[1] or ''}<mo>{name}</mo>"

    return LETTERS.sub(joined, mathml)


def _as_array(match: re.Match[str]) -> str:
    """What latex2mathml knows of aligned equations: a table of two columns."""
    return rf"\begin{{array}}{{rl}}{match.group(1)}\end{{array}}"
