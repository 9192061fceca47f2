"""The static check of plans: it finds each way in which arrays that share memory may meet, and nothing else."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.codegen.lowering.arrays import Expr
from symgrad.codegen.plan.lives import Turn, clashes
from symgrad.codegen.python import inplace_plan
from symgrad.computing import workspaces

A, B, C, D = (Expr("row", (), (name,), (3,), "real") for name in "abcd")
MASK, WIDE = Expr("row", (), ("m",), (3,), "boolean"), Expr("row", (), ("w",), (4,), "real")


def turn(*steps, stored=None):
    """(expression, {read: only at its entry}) at once."""
    exprs = tuple(e for e, _ in steps)
    return Turn(exprs, tuple(reads for _, reads in steps), frozenset(exprs if stored is None else stored))


def told(turns, home, results=()):
    return clashes(turns, lambda e: home.get(e, e), results)


def test_what_takes_turns_is_well():
    assert told([turn((A, {})), turn((B, {A: False})), turn((C, {B: False})), turn((D, {C: True}))], {A: 0, C: 0, D: 0, B: 1}) == []
    assert told([turn((A, {})), turn((B, {A: True}), (C, {B: True}))], {A: 0, C: 0, B: 1}, [C]) == []
    assert told([turn((A, {})), turn((MASK, {A: True}), (C, {MASK: True, A: True}), stored=[C])], {A: 0, C: 0, MASK: 0}) == []


@pytest.mark.parametrize("turns, home, words", [
    ([turn((A, {})), turn((B, {})), turn((C, {A: True}))], {A: 0, B: 0}, "turn 2 reads .* whose place .* has taken"),
    ([turn((A, {})), turn((MASK, {A: True}))], {A: 0, MASK: 0}, "turn 1 writes .*boolean.* in the place of .*real.* which it reads"),
    ([turn((A, {})), turn((WIDE, {A: True}))], {A: 0, WIDE: 0}, r"turn 1 writes row of shape \(4,\)"),
    ([turn((A, {})), turn((B, {A: False}))], {A: 0, B: 0}, "turn 1 writes .* in the place of"),
    ([turn((A, {}), (B, {}))], {A: 0, B: 0}, "turn 0 writes .* to one place"),
    ([turn((A, {}), (B, {A: False}))], {}, "turn 0 reads .* elsewhere, which it is about to write"),
    ([turn((A, {})), turn((B, {}), (C, {A: True}))], {A: 0, B: 0}, "after .* has taken its place"),
    ([turn((A, {})), turn((B, {}))], {A: 0, B: 0}, "the result .* has lost its place"),
])
def test_each_meeting_is_told(turns, home, words):
    found = told(turns, home, [A] if "lost" in words else [])
    assert len(found) >= 1
    with pytest.raises(AssertionError, match=words):
        raise AssertionError("; ".join(found))


def test_a_plan_that_lets_them_meet_is_not_written(monkeypatch):
    """Both planners ask: slots that are given away too early are refused, in NumPy's workspace and in C."""
    x = sg.data("x", 5)
    y = sg.tanh(x)
    outputs = [sg.cumsum(y) + sg.exp(sg.sum(y)), y * sg.cumsum(sg.sin(x)) + sg.max(y)]

    def one_slot(kept, fixed, same):
        found, home = real(kept, fixed, same)
        return found[:1], dict.fromkeys(home, 0)

    for module in ("symgrad.codegen.c.function", inplace_plan.__name__):
        real = inplace_plan.slots
        monkeypatch.setattr(f"{module}.slots", one_slot)
    with pytest.raises(AssertionError, match="whose place"):
        sg.function([x], outputs, backend="c")
    monkeypatch.setattr(workspaces, "LARGE", 0)
    with pytest.raises(AssertionError, match="whose place"):
        sg.function([x], outputs)(np.ones(5))
