"""Operations, losses and activations against numbers that PyTorch computed in float64: values and gradients.

Derivatives of second order are checked against differences of the first.
"""

import json

import numpy as np
import pytest
from checker import check, near, run
from pytorch_table import FILE, ROWS, cotangent, operands, variables

import symgrad as sg

ROUGH = ("hardsigmoid", "celu, alpha=0.7")  # PyTorch has a constant of theirs in single precision
VALUES = json.loads(FILE.read_text(encoding="utf-8"))


def symbols(row):
    return {name: sg.data(name, value.shape, dtype="real" if value.dtype.kind == "f" else "integer")
            for name, value in operands(row).items()}


def build(row, given):
    return eval(row[1], {"sg": sg, **given})


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_values_and_gradients_are_those_of_pytorch(row):
    given, arrays = symbols(row), operands(row)
    y = build(row, given)
    at = {given[name]: value for name, value in arrays.items()}
    shape, value, *gradients = VALUES[row[0]]
    assert y.shape == tuple(shape)
    near(run(y, at), np.reshape(value, shape), 1e-10)
    by = [given[name] for name in variables(row)]
    found = run(sg.gradient(sg.sum(y * sg.constant(cotangent(y.shape))), by), at)
    for t, mine, theirs in zip(by, found, gradients, strict=True):
        near(mine, np.reshape(theirs, t.shape), 1e-7 if row[0] in ROUGH else 1e-10, t.name)


SECOND = [row for row in ROWS if not any(word in row[0] for word in ("'sum'", "'none'", "all labels", "hardshrink", "softshrink"))]


@pytest.mark.parametrize("row", SECOND, ids=[row[0] for row in SECOND])
def test_derivatives_of_second_order(row):
    given, arrays = symbols(row), operands(row)
    y = build(row, given)
    first = next(t for t in given.values() if t.dtype == "real")
    at = {given[name]: value for name, value in arrays.items()}
    check(y if y.shape == () or np.prod(y.shape) < 60 else sg.sum(y**2), at, [first], tolerance=2e-6)


LOSSES = [row for row in ROWS if "losses" in row[1] and "'mean'" in row[1] and "v" not in row[3]]


@pytest.mark.parametrize("row", LOSSES, ids=[row[0] for row in LOSSES])
def test_the_risk_of_samples_is_the_mean_over_the_batch(row):
    """Written for one sample of T, closed over T: PyTorch's mean over the whole batch, weights and ignored labels too."""
    T, arrays = sg.dim("T"), operands(row)
    lone = {"w"}
    given = {name: sg.data(name, value.shape[0 if name in lone else 1:], over=None if name in lone else T,
                           dtype="real" if value.dtype.kind == "f" else "integer") for name, value in arrays.items()}
    loss = sg.empirical_risk(build(row, given))
    at = {given[name]: value for name, value in arrays.items()}
    shape, value, *gradients = VALUES[row[0]]
    near(run(loss, at), value[0], 1e-10)
    first = next(t for t in given.values() if t.dtype == "real")
    if np.isfinite(value[0]):
        near(run(sg.gradient(loss, first), at), np.reshape(gradients[0], arrays[first.name].shape), 1e-10)
