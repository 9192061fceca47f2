"""The table of identities: derived against claimed, and against differences of the value, at random unequal sizes."""

import numpy as np
import pytest
from checker import STEP, differences, near
from identities import WORKS
from identity_table import TABLE, made

import symgrad as sg

NAMES = [f"{number}-{row.source}-{row.expression}" for number, row in enumerate(TABLE, 1)]


def value(kind, shape, rng):
    """A random array, of the kind that the row asks for."""
    x = rng.standard_normal(shape)
    if kind == "positive":
        return rng.uniform(0.5, 2, shape)
    if kind == "simplex":
        e = np.exp(x)
        return e / e.sum()
    if kind == "symmetric":
        return x + x.T
    if kind in ("definite", "positive_definite"):
        return x @ x.T + np.eye(*shape)
    if kind == "regular":
        return x / 2 + 2 * np.eye(*shape)
    if kind == "apart":
        return rng.permutation(np.linspace(0.4, 2, shape[0])) * rng.choice([-1, 1], shape)
    assert not kind, f"no values are known for {kind!r}"
    return x


def point(identity, rng):
    """Arrays by symbol, at random sizes of which no two are equal."""
    sizes = dict(zip("nmdk", rng.permutation((2, 3, 4, 5)))) if "q" not in identity.row.symbols else {
        "p": 3, **dict(zip("qr", rng.permutation((4, 5)))), "m": 2}
    at = {}
    for t in (*identity.symbols, *identity.directions):
        facts = t.node.attrs[0].facts
        kind = identity.values.get(t) or (facts[-1] if facts else "")
        at[t] = value(kind, tuple(int(sizes.get(str(size), size)) for size in t.shape), rng)
    return at


@pytest.mark.parametrize("number", range(len(TABLE)), ids=NAMES)
def test_identity(number):
    identity = made(TABLE[number])
    assert identity.derived.shape == identity.claim.shape
    wrt = identity.variables
    lower = identity.y
    if identity.kind == "hessian":
        lower = sg.gradient(identity.y, wrt[0])
    f = sg.function([*identity.symbols, *identity.directions],
                    [identity.y, lower, identity.derived, identity.claim])
    rng = np.random.default_rng(number)
    for _ in range(2):
        at = point(identity, rng)
        y, gradient, derived, claim = f(*at.values())
        near(derived, claim, 1e-10, "derived against claimed")
        if identity.kind == "differential":
            near(derived, along(f, at, wrt, identity.directions), 1e-7, "derived against differences")
            continue
        near(derived, differences(lambda a: f(*a.values())[1], at, wrt[-1]), 2e-7, "derived against differences")
        if identity.kind == "hessian":
            near(gradient, differences(lambda a: f(*a.values())[0], at, wrt[0]), 2e-7, "gradient against differences")


def along(f, at, variables, directions):
    """Central differences of the value along one direction of each variable, extrapolated."""
    def slope(h):
        ends = [f(*{**at, **{x: at[x] + sign * h * at[v] for x, v in zip(variables, directions)}}.values())[0]
                for sign in (1, -1)]
        return (ends[0] - ends[1]) / (2 * h)

    return (4 * slope(STEP) - slope(2 * STEP)) / 3


def test_a_wrong_claim_is_found():
    """The check can fail: each row's claim, changed in one entry, is no longer the derivative."""
    for identity in map(made, TABLE[::10]):
        f = sg.function([*identity.symbols, *identity.directions], [identity.derived, identity.claim])
        derived, claim = f(*point(identity, np.random.default_rng(0)).values())
        claim = np.array(claim, dtype=float)
        claim[(0,) * claim.ndim] += 1e-6 * max(1, np.abs(claim).max())
        with pytest.raises(AssertionError):
            near(derived, claim, 1e-10)


def test_there_are_enough_and_each_has_a_source():
    assert len(TABLE) >= 120 and len(set(TABLE)) == len(TABLE)
    assert {short for short in WORKS for row in TABLE if row.source.startswith(short)} == set(WORKS)
    assert all(any(row.source.startswith(f"{short}, ") for short in WORKS) for row in TABLE)


def shown(number, identity):
    names = ", ".join(v.name for v in identity.variables)
    head = {"gradient": "gradient by", "jacobian": "Jacobian by", "hessian": "Hessian by", "differential": "differential along"}
    head = f"{head[identity.kind]} {', '.join(v.name for v in identity.directions) or names}"
    lines = [f"{number}. {identity.row.source}", f"   {identity.y}   ⟶   {head}:   {identity.derived}"]
    if str(identity.claim) != str(identity.derived):
        lines.append(f"   as claimed: {identity.claim}")
    return "\n".join(lines)


def test_printed(golden):
    head = [f"{short}: {work}" for short, work in WORKS.items()]
    golden("identities.txt", "\n".join([*head, "", *(shown(i, identity) for i, identity in enumerate(map(made, TABLE), 1))]))
