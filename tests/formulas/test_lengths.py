"""Texts grow with the graph, not with the ways through it: what is nested twice in a choice or a power is named too."""

import pytest

import symgrad as sg


def choices(depth):
    y = x = sg.data("x")
    for k in range(depth):
        y = sg.where(y > k, y + 1, y * 2)
    return y, x


def powers(depth):
    y = x = sg.data("x")
    for _ in range(depth):
        y = y**y
    return y, x


def conditions(depth):
    x = sg.data("x")
    b = x > 0
    for k in range(depth):
        b = sg.logical_or(sg.logical_and(b, x > k), sg.logical_not(b))
    return sg.where(b, x, 0), x


def forms(depth):
    A, y = sg.data("A", (3, 3)), sg.data("v", 3)
    x = y
    for _ in range(depth):
        y = (y @ A @ y) * y
    return sg.sum(y), x


FACES = {
    "text": lambda y, x: str(y),
    "latex": lambda y, x: y.latex(),
    "lines": lambda y, x: y.pretty(),
    "gradient": lambda y, x: str(sg.gradient(y, x)),
    "error": lambda y, x: repr(y),
    "words": lambda y, x: sg.explain(y * 1.0).text(),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("nest", [choices, powers, conditions, forms], ids=lambda f: f.__name__)
def test_a_nest_half_as_deep_again_has_at_most_twice_the_text(nest, face):
    short, long = (len(FACES[face](*nest(depth))) for depth in (12, 18))
    assert long <= 2 * short, (short, long)


@pytest.mark.parametrize("nest", [choices, powers, conditions, forms], ids=lambda f: f.__name__)
def test_derivations_grow_with_the_graph(nest):
    short, long = (len(sg.derive(*nest(depth)).unicode()) for depth in (12, 18))
    assert long <= 2 * short, (short, long)


def test_short_formulas_stay_as_they_are():
    assert str(powers(3)[0]) == "((x^x)^x^x)^(x^x)^x^x"
    assert str(choices(2)[0]) == "{v₁ + 1 if v₁ > 1, 2 v₁ otherwise}, where v₁ = {x + 1 if x > 0, 2 x otherwise}"
