"""The textbook's normal form: equal in value to what it is a form of, never longer, the same however it was reached."""

import itertools
import warnings

import numpy as np
import pytest
from expressions import PROGRAMS, SETTINGS, grown
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.graphs.reverse import delta_seed, reverse
from symgrad.graphs.textbook.length import Length
from symgrad.graphs.textbook.normal import textbook
from symgrad.language.tensor import wrap


def derivatives(program, setting):
    """(form, derivative, sample axis, values) of a random function by each of its variables."""
    made = grown(program, setting)
    y = made.tensor
    total = sg.sum(y) if y.over is None else sg.mean(sg.sum(y), over=y.over)
    for x in made.variables:
        (g,) = reverse(total.node, delta_seed(()), [x.node], guarded=False)
        yield textbook(g), g, x.over, made.values


@settings(max_examples=60)
@given(PROGRAMS, SETTINGS)
def test_the_form_of_a_derivative_has_its_values(program, setting):
    for form, g, over, given_values in derivatives(program, setting):
        if form is g:
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            known, found = sg.function(list(given_values), [wrap(g, over), wrap(form, over)])(*given_values.values())
        scale = np.max(np.abs(known[np.isfinite(known)]), initial=1.0)
        assert np.all(np.isclose(found, known, rtol=1e-7, atol=1e-9 * scale) | ~np.isfinite(known)), wrap(form, over)


@settings(max_examples=80)
@given(PROGRAMS, SETTINGS)
def test_the_form_is_no_longer_and_its_own_form(program, setting):
    for form, g, over, _ in derivatives(program, setting):
        assert Length()(form) <= Length()(g) + 1e-9, (wrap(g, over), wrap(form, over))
        assert textbook(form) is form


n = sg.dim("n")
x, y, z = sg.parameter("x", n), sg.data("y", n), sg.data("z", n)
s, t = sg.parameter("s"), sg.data("t")
FACTORS = [sg.exp(x), sg.tanh(x), x, y, 1 / x, sg.sqrt(x), x**3, sg.log(x), s * y, sg.sin(x)]


@settings(max_examples=60)
@given(*[st.lists(st.sampled_from(FACTORS), min_size=m, max_size=3, unique_by=str) for m in (2, 1)])
def test_the_order_of_factors_and_terms_does_not_show(some, others):
    def product(factors):
        made = factors[0]
        for each in factors[1:]:
            made = made * each
        return made

    seen = set()
    for one, other in itertools.islice(zip(itertools.permutations(some), itertools.cycle(itertools.permutations(others))), 6):
        for loss in (sg.sum(product(one) + product(other)), sg.sum(product(other) + product(one))):
            seen.add((str(sg.gradient(loss, x)), str(sg.gradient(loss, s))))
    assert len(seen) == 1, seen


@pytest.mark.parametrize("loss, twin", [
    (lambda f: sg.sum(f(sg.tanh(x)) * y), "h"),
    (lambda f: -sg.sum(y * sg.log(f(sg.softmax(x)))), "p"),
    (lambda f: sg.sum(f(x - sg.mean(x)) ** 2), "c"),
    (lambda f: sg.sum(sg.exp(x) / f(sg.sum(sg.exp(x))) * y), "Z"),
])
def test_a_name_changes_the_display_only(loss, twin):
    values = {x: np.array([0.3, -1.2, 0.7]), y: np.array([1.0, 2.0, 0.5])}
    plain, named = loss(lambda t: t), loss(lambda t: t.named(twin))
    for a, b in ((sg.gradient(plain, x), sg.gradient(named, x)), (sg.hessian(plain, x), sg.hessian(named, x))):
        got, right = sg.function(list(values), [b, a])(*values.values())
        np.testing.assert_allclose(got, right, rtol=1e-12, atol=1e-14)
