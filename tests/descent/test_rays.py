"""The exact minimum along a ray of a quartic, from five numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from symgrad.descent.rays import exact_step

coefficient = st.floats(-3, 3).filter(lambda c: c == 0 or abs(c) > 1e-3)


@given(coefficient, st.floats(-3, -1e-3), coefficient, coefficient, st.floats(1e-3, 3), st.floats(0.1, 4))
def test_the_least_value_of_a_quartic(value, slope, c, d, e, at):
    phi = np.polynomial.Polynomial([value, slope, c, d, e])
    first, second = phi.deriv(), phi.deriv(2)
    t = exact_step((phi(0), first(0), second(0)), (phi(at), first(at)), at)
    assert t > 0
    far = 10 + 3 * max(abs(slope), abs(c), abs(d)) / e
    grid = far * np.linspace(0, 1, 2001) ** 3
    assert phi(t) <= phi(grid).min() + 1e-6 * np.abs(phi(grid[:200])).max()


def test_parabolas_and_lines():
    assert exact_step((1.0, -4.0, 8.0), (1.0, 4.0)) == pytest.approx(0.5)
    assert exact_step((1.0, -4.0, 0.0), (-3.0, -4.0)) is None  # a line goes down for ever
    assert exact_step((1.0, 0.0, 0.0), (1.0, 0.0)) is None
    assert exact_step((1.0, np.nan, 0.0), (1.0, 0.0)) is None
