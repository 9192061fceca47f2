"""Every operation of section 2 crossed with every setting, by one checker: adding an operation is one row.

Each row of the table is tried with concrete sizes, symbolic ones, sizes 1, an axis of size 0, and with a sample axis
over all operands, the first, or the last: value, gradient, vjp, jvp, hvp and Hessian, in float64.
"""

import itertools

import numpy as np
import pytest
from checker import check, near, run
from operation_table import ROWS, SAMPLES, operands

import symgrad as sg

SETTINGS = ("concrete", "symbolic", "ones", "empty", "samples", "first", "last")


def cases():
    for row, setting in itertools.product(ROWS, SETTINGS):
        operands = len(row.shapes.split())
        if setting in row.skip.split() or (setting in ("first", "last") and operands < 2):
            continue
        if setting in ("empty", "ones") and not set(row.shapes) & set("ijkl"):
            continue
        yield pytest.param(row, setting, id=f"{row} {setting}")


def expected(row, at):
    """The value by NumPy, sample by sample."""
    if all(symbol.over is None for symbol in at):
        return row.value(*at.values())
    return np.stack([row.value(*(a if symbol.over is None else a[k] for symbol, a in at.items())) for k in range(SAMPLES)])


@pytest.mark.parametrize("row, setting", list(cases()))
def test_operation(row, setting):
    at = operands(row, setting)
    y = row.make(*at)
    wanted = expected(row, at)
    near(run(y, at), wanted, 1e-10, "value")
    assert len(y.shape) == np.ndim(wanted) - (y.over is not None)
    assert all(not isinstance(a, int) or a == b for a, b in zip(y.shape, np.shape(wanted)[y.over is not None:], strict=True))
    if row.smooth:
        check(y, at, [symbol for symbol in at if symbol.dtype == "real"])


SECTION = """exp log log1p expm1 sqrt abs sign floor sin cos tan tanh sinh cosh arctan erf sigmoid softplus relu leaky_relu elu
gelu silu square maximum minimum clip where equal logical_and logical_or logical_not elementwise einsum dot matmul outer tensordot
trace diag diagonal tril triu kron eye zeros ones arange full sum mean max min argmax argmin prod var std norm logsumexp softmax
log_softmax cumsum reshape transpose expand_dims squeeze broadcast_to concatenate stack take pad flip roll one_hot split inv solve
solve_triangular det logdet cholesky windows conv1d conv2d conv_transpose2d max_pool2d avg_pool2d adaptive_avg_pool2d upsample
embedding layer_norm group_norm batch_norm attention""".split()


def test_every_operation_has_a_row():
    covered = {row.name.split()[0] for row in ROWS}
    assert [name for name in SECTION if hasattr(sg, name) and name not in covered] == []
