"""Rows of the operation table computed together in one function: for backends whose functions are dear to make."""

import pytest
from operation_table import ROWS, operands

import symgrad as sg

TOGETHER = 24
SETTINGS = ("concrete", "symbolic", "samples", "empty")


def groups():
    """Rows in groups, each in one setting."""
    for k, start in enumerate(range(0, len(ROWS), TOGETHER)):
        setting = SETTINGS[k % len(SETTINGS)]
        rows = [row for row in ROWS[start:start + TOGETHER] if setting not in row.skip.split()]
        if setting == "empty":
            rows = [row for row in rows if set(row.shapes) & set("ijkl")]
        yield pytest.param(rows, setting, id=f"{start} {setting}")


def outputs_of(rows, setting):
    """Values and gradients of the rows, and the arrays of all their operands."""
    at, outputs = {}, []
    for k, row in enumerate(rows):
        mine = operands(row, setting, f"r{k}")
        if setting == "symbolic":  # sizes of one name are one size: each row has sizes of its own
            mine = {sg.data(s.name, tuple(x if isinstance(x, int) else sg.dim(f"{x}{k}") for x in s.shape), dtype=s.dtype): a
                    for s, a in mine.items()}
        y = row.make(*mine)
        outputs.append(y)
        if row.smooth:
            s = sg.sum(y) if y.over is None else sg.sum(sg.sum(y), over=y.over)
            outputs += sg.gradient(s, [x for x in mine if x.dtype == "real"])
        at.update(mine)
    return outputs, at
