"""Global search on the functions by which such methods are compared: BBOB 2009, 5 variables, 10,000 evaluations."""

import bbob
import numpy as np
import pytest


@pytest.mark.parametrize("method", ["genetic", "particle_swarm", "ant_colony"])
def test_populations_solve_a_third(method):
    solved = [number for number in bbob.NUMBERS if bbob.evaluations(method, number) is not None]
    assert len(solved) >= 8, solved


def test_cma_solves_what_has_one_valley():
    """And it takes fewer evaluations than the others."""
    taken = {number: bbob.evaluations("cma", number) for number in (1, 2, 5, 8, 9, 10, 11, 12, 13, 14)}
    assert None not in taken.values(), taken
    assert np.median([*taken.values()]) < 2500


def test_the_functions_are_those_of_their_authors():
    """Values that the documentation of the original code states, at the origin of four variables."""
    stated = {1: -77.2745459, 3: 92.987750752, 8: 33355.792472, 15: 27.363312851, 21: 376.74688954, 24: 106.09476738}
    for number, value in stated.items():
        f, _ = bbob.function(number, 0)
        assert float(f(np.zeros(4))) == pytest.approx(value, rel=1e-8)
