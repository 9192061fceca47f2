"""The derivations of courses, whole: what a teacher would write on the board, each proved by numbers."""

import courses
import pytest

import symgrad as sg


@pytest.mark.parametrize("name", courses.NETWORKS)
def test_derivations_of_courses(name, golden):
    derivation = sg.derive(courses.NETWORKS[name]())
    golden(f"course_{name}.txt", f"{courses.NETWORKS[name].__doc__}\n\n{derivation.unicode()}")
    assert derivation.check()
