"""Everyday functions with gradient and Hessian as their textbooks print them: tests/textbook/, a file for each source.

An entry is `name | formula | symbols | variable`, then what symgrad prints (`--update` writes it; it is read in the
diff). Symbols are `name:sizes,facts`; one that lies `above` is larger than what is taken from it. Each printed formula
is proved against differences of the function, at numbers between 0.3 and 0.7.
"""

import numpy as np
import pytest
from checker import differences, near
from places import TESTS

import symgrad as sg
from symgrad.language.replaying import shown

FILES = sorted((TESTS / "textbook").glob("*.txt"))
SIZES = {"n": 3, "m": 4, "d": 3, "k": 2, "l": 3, "h": 4, "N": 4, "M": 3, "K": 3}
FACTS = ("symmetric", "simplex")


def entries(file):
    title, *lines = file.read_text(encoding="utf-8").splitlines()
    return title, [tuple(part.strip() for part in line.split(" | ")) for line in lines if line.count(" | ") == 3]


def symbols(text):
    """The symbols of an entry, and random numbers for them."""
    rng = np.random.default_rng(1)
    found, at = {}, {}
    for part in text.split():
        name, _, spec = part.partition(":")
        words = [word for word in spec.split(",") if word]
        sizes = [word for word in words if word not in (*FACTS, "above")]
        shape = tuple(int(size) if size.isdigit() else sg.dim(size) for size in sizes)
        found[name] = sg.parameter(name, shape, **{fact: True for fact in FACTS if fact in words})
        value = rng.uniform(0.3, 0.7, [int(size) if size.isdigit() else SIZES[size] for size in sizes])
        if "symmetric" in words:
            value = value + value.T + np.eye(len(value))
        at[found[name]] = value / value.sum() if "simplex" in words else value + 3 * ("above" in words)
    return found, at


def derived(entry):
    _, formula, declared, variable = entry
    known, at = symbols(declared)
    y = sg.parse(formula, **known)
    return y, known[variable], at


def test_there_are_at_least_150_functions():
    assert sum(len(entries(file)[1]) for file in FILES) >= 150


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_printed(file, golden):
    title, found = entries(file)
    parts = [title]
    for entry in found:
        y, x, _ = derived(entry)
        parts.append("\n".join([" | ".join(entry), f"    {sg.gradient(y, x)}", f"    {sg.hessian(y, x)}"]))
    golden(f"../textbook/{file.name}", "\n\n".join(parts))


@pytest.mark.parametrize("entry", [pytest.param(entry, id=f"{file.stem}-{k}") for file in FILES
                                   for k, entry in enumerate(entries(file)[1])])
def test_what_is_printed_is_the_derivative(entry):
    y, x, at = derived(entry)
    if x.node.attrs[0].facts:  # differences leave what is declared: S is varied as any matrix
        y, x, at = derived((*entry[:2], entry[2].replace(",symmetric", ""), entry[3]))
    g, H = sg.gradient(y, x), sg.hessian(y, x)
    read = [shown(t) for t in (g, H)]
    sizes = {"n": SIZES["n"], "N": SIZES["N"]}
    f = sg.function(list(at), [y, g, H, *read], sizes={k: v for k, v in sizes.items() if k in entry[1]} or None)
    value, gradient, hessian, gradient_read, hessian_read = f(*at.values())
    assert np.isfinite(value)
    near(gradient, differences(lambda a: f(*a.values())[0], at, x), 1e-7, "gradient")
    near(hessian, differences(lambda a: f(*a.values())[1], at, x), 1e-6, "Hessian")
    near(gradient_read, gradient, 1e-10, "gradient as printed")
    near(hessian_read, hessian, 1e-10, "Hessian as printed")
