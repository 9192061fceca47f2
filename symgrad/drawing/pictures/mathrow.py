"""Rows of formulas that ziamath lays out once.

Its own row is laid out twice, first to learn how tall it is without the brackets and bars that stretch with it: rows in
rows in rows take eight times. A `MathRow` looks first whether anything in it stretches, and measures what does only once.
"""

from __future__ import annotations

from typing import Any

from ziamath import operators
from ziamath.nodes.mrow import Mrow

TAG = "row"
ROWS = frozenset({TAG, "mrow", "math", "mtr", "mtd", "mpadded", "mphantom", "merror"})
FORMS = ("prefix", "infix", "postfix")


class MathRow(Mrow, tag=TAG):
    """A row of MathML, by another name: rows under their own name are as they were."""

    def _get_height_nostretch(self, line: list[Any], **kwargs: Any) -> tuple[float, float]:
        if not any(map(stretches, line)):
            return 0.0, 0.0  # of no use
        found: tuple[float, float] = super()._get_height_nostretch(line, **kwargs)
        return found


MathRow.mtag = "mrow"  # for those who ask what a neighbour is


def stretches(element: Any) -> bool:
    """Is there something in an element that grows with the row in which it stands?

    >>> from xml.etree import ElementTree
    >>> [stretches(ElementTree.fromstring(f"<msup>{each}<mn>2</mn></msup>")) for each in (
    ...     "<mo>+</mo>", "<mo>)</mo>", '<mo stretchy="false">)</mo>', "<mrow><mo>)</mo></mrow>")]
    [False, True, False, False]
    """
    if element.tag in ROWS:
        return False  # grows with its own
    if element.tag == "mo":
        given = element.get("stretchy")
        if given is not None:
            return bool(given != "false")
        text = (element.text or "").strip()
        return any(operators.get_params(text, form).get("stretchy", "false") != "false" for form in FORMS)
    return any(map(stretches, element))
