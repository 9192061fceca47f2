"""What symgrad prints it reads: `verify(str(t), t)` and `verify(t.latex(), t)` for every formula of the tests' books."""

import re

import derived
import gallery
import pytest
from identity_table import TABLE, made

import symgrad as sg
from symgrad.language.symbols import symbol_kind, symbols_of

PARTS = 8
# What has no reading, and why: minors of second order are named and have no function that people call.
UNREAD = {r"cof_2\(|cof\}_\{2\}\(": r"minors of a higher order are not read|there is no function 'cof_2'"}


def formulas():
    """(title, tensor)"""
    yield from gallery.models()
    yield from gallery.operations()
    for row in TABLE:
        yield row.source, made(row).derived
    for name, make in derived.MODELS.items():
        loss, wrt = make()
        yield name, loss
        for each in wrt or [s for s in symbols_of(loss) if symbol_kind(s) == "parameter"]:
            yield f"{name}, its gradient", sg.gradient(loss, each)


def _fault(text, t):
    """What is wrong, or None."""
    try:
        verdict = sg.verify(text, t)
    except sg.SymgradError as error:
        reasons = [why for pattern, why in UNREAD.items() if re.search(pattern, text)]
        return None if any(re.search(why, str(error)) for why in reasons) else str(error)
    return None if verdict else str(verdict)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_formula_is_read_as_it_is_printed(part):
    wrong = [f"{title}: {text}\n    {said}" for title, t in list(formulas())[part::PARTS]
             for text in dict.fromkeys((str(t), t.latex())) if (said := _fault(text, t)) is not None]
    assert not wrong, "\n".join(wrong)


def test_what_cannot_be_read_is_counted():
    unread = [title for title, t in formulas() if any(re.search(pattern, str(t)) for pattern in UNREAD)]
    assert len(unread) == 2, unread
