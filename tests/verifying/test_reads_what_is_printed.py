"""What symgrad prints it reads: `verify(str(t), t)` and `verify(t.latex(), t)` for every formula of the tests' books, without exception."""

from functools import cache

import derived
import gallery
import pytest
from identity_table import TABLE, made

import symgrad as sg
from symgrad.language.symbols import symbol_kind, symbols_of

PARTS = 8


@cache
def formulas():
    """(title, tensor), derived once."""
    return tuple(written())


def written():
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
        return str(error)
    return None if verdict else str(verdict)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_formula_is_read_as_it_is_printed(part):
    wrong = [f"{title}: {text}\n    {said}" for title, t in formulas()[part::PARTS]
             for text in dict.fromkeys((str(t), t.latex())) if (said := _fault(text, t)) is not None]
    assert not wrong, "\n".join(wrong)


def test_names_that_are_numbered_stacks_that_are_turned_and_lone_entries():
    x, M, d = sg.data("x", 3), sg.data("M", (2, 3)), sg.parameter("d", (1, 1))
    one, two = sg.tanh(x).named("b"), sg.sin(x).named("b")
    for t in (one * sg.exp(two), sg.concatenate([M, M], axis=1)[:, ::-1] * 2, sg.stack([x, x])[::-1] + 1, d / sg.sqrt(1 + d**2)):
        assert sg.verify(str(t), t), str(t)
        assert sg.verify(t.latex(), t), t.latex()
