"""An answer as sections of HTML: what is named in `ORDER`, each by a template of its own; nothing in them is unescaped
but the formulas, pictures and derivations that symgrad wrote itself.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from symgrad.derivations.html import STYLE, formula_of
from symgrad.drawing.pictures import palette
from symgrad.formulas.spelling.breaking import latex_lines
from symgrad.formulas.spelling.mathml import mathml_of
from symgrad.page.answering import PARTS
from symgrad.page.shown import Reply
from symgrad.reports.highlighting import highlighted
from symgrad.reports.page import TEMPLATES as REPORT
from symgrad.reports.page import embedded

HERE = Path(__file__).with_name("templates")
WHERE = r",\quad \text{where } "  # between a formula and the names in it, as `latex` writes them
END = "\n<!-- end -->\n"  # of a section: whoever reads a page in pieces sees that one is whole
ORDER = ("fault", "reading", *PARTS)
WIDE, NARROW = 46.0, 17.0  # em: what a desk and a phone show in one line
TITLES = {"reading": "Read as", "derivatives": "Gradient", "judgement": "Your own answer", "hessians": "Hessian",
          "derivation": "Derivation", "explanation": "In words", "programs": "Programs", "picture": "Picture",
          "minimum": "Minimum", "curvature": "Convexity"}


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(loader=FileSystemLoader([HERE, REPORT]), autoescape=True, undefined=StrictUndefined,
                        trim_blocks=True, lstrip_blocks=True)
    found.globals.update(look=palette, math=mathml_of, formula=formula_html, code=highlighted, titles=TITLES,
                         derivation_style=STYLE)
    return found


def filled(template: str, **context: Any) -> str:
    """The text of a template. What it is given is escaped, unless the template says that it is HTML."""
    return str(_environment().get_template(template).render(**context))


def formula_html(latex: str) -> str:
    """A formula that is broken at its operators only where it must be; the names that it uses follow, one a line.

    >>> formula_html("x").count("<math")
    1
    """
    first, _, rest = latex.partition(WHERE)
    if not rest:
        return _broken(first)
    lines = "".join(f"<li>{_broken(each)}</li>" for each in rest.split(r";\; "))
    return f'{_broken(first)}<div class="where"><span>where</span><ul>{lines}</ul></div>'


def _broken(latex: str) -> str:
    """A formula for a desk, and where it is too long for a phone, for that too: one of the two is shown."""
    if len(latex_lines(latex, NARROW)) == 1:
        return formula_of(latex)
    return f'<div class="desk">{formula_of(latex, WIDE)}</div><div class="phone">{formula_of(latex, NARROW)}</div>'


def section(part: str, found: Reply) -> str:
    """One part of an answer as a section with the id of its part; empty where there is nothing to show."""
    if part in found.missing:
        return filled("missing.html.j2", part=part, why=found.missing[part]) + END
    return filled(f"{part}.html.j2", a=found, q=found.question, embedded=embedded) + END


def sections(found: Reply) -> str:
    """All parts of an answer."""
    return "\n".join(section(part, found) for part in ORDER if vars(found)[part] or part in found.missing)
