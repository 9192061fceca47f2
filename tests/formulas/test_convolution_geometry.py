"""What stands below the star of a convolution is all that one needs to compute it: stride, padding, output padding,
dilation and groups, read from the printed formula and carried out with loops."""

import itertools

import numpy as np
import pytest
from binders import trees
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.formulas.spelling.unicode import unicode


def notes_of(star, rank):
    """By its letter, a number or a pair for each side."""
    found = {"s": 1, "p": (0, 0), "o": 0, "d": 1, "g": 1}

    def read(tree):
        if tree.head == "range":
            return tuple(int(unicode(part).replace("−", "-")) for part in tree.args[:2])
        return int(unicode(tree))

    for note in star.args[2]:
        letter, value = note.args
        sides = list(map(read, value.args)) if value.head == "tuple" else [read(value)] * rank
        found[letter] = sides
    sides = {letter: value if isinstance(value, list) else [value] * rank for letter, value in found.items()}
    sides["p"] = [(p, p) if isinstance(p, int) else p for p in sides["p"]]
    return {**sides, "g": sides["g"][0]}


def bordered(image, borders):
    """Zeros around an image; where a border is negative, entries are cut off."""
    for axis, (front, back) in enumerate(borders, 1):
        image = np.pad(image, [(max(front, 0), max(back, 0)) if i == axis else (0, 0) for i in range(image.ndim)])
        image = np.take(image, range(max(-front, 0), image.shape[axis] - max(-back, 0)), axis)
    return image


def convolved(kernel, image, s, p, d, g, o=None):
    """K ⋆ X: sum over channels of the group and offsets."""
    image, groups = bordered(image, p), g
    widths = kernel.shape[2:]
    sizes = [(n - gap * (k - 1) - 1) // step + 1 for n, k, step, gap in zip(image.shape[1:], widths, s, d, strict=True)]
    out, own = np.zeros((kernel.shape[0], *sizes)), kernel.shape[0] // groups
    for place in np.ndindex(*sizes):
        for offset in np.ndindex(*widths):
            at = tuple(i * step + j * gap for i, step, j, gap in zip(place, s, offset, d, strict=True))
            for c in range(kernel.shape[0]):
                part = image[(slice(c // own * kernel.shape[1], (c // own + 1) * kernel.shape[1]), *at)]
                out[(c, *place)] += kernel[(c, slice(None), *offset)] @ part
    return out


def transposed(kernel, image, s, p, o, d, g):
    """Kᵀ ⋆ X: windows laid where they came from."""
    widths, groups = kernel.shape[2:], g
    sizes = [(n - 1) * step + gap * (k - 1) + 1 + more for n, step, k, gap, more in zip(
        image.shape[1:], s, widths, d, o, strict=True)]
    own = kernel.shape[0] // groups
    out = np.zeros((kernel.shape[1] * groups, *sizes))
    for place, offset in itertools.product(np.ndindex(*image.shape[1:]), np.ndindex(*widths)):
        at = tuple(i * step + j * gap for i, step, j, gap in zip(place, s, offset, d, strict=True))
        for c in range(kernel.shape[0]):
            first = c // own * kernel.shape[1]
            out[(slice(first, first + kernel.shape[1]), *at)] += kernel[(c, slice(None), *offset)] * image[(c, *place)]
    return bordered(out, [(-front, -back) for front, back in p])


def by_gradient(gradient, image, notes, groups):
    """G ⋆ X: every channel of G over every channel of its group of X."""
    parts = [convolved(np.repeat(part[:, None], 1, 1), rows[None], g=1, **notes)
             for part, own in zip(np.split(gradient, groups), np.split(image, groups), strict=True)
             for part in part[:, None] for rows in own]
    return np.array(parts).reshape(len(gradient), len(image) // groups, *parts[0].shape[1:])


def read(tensor, values, rank):
    """The value of a printed convolution, read from its formula."""
    with trees() as found:
        text = str(tensor)
    (tree, _), = found
    assert tree.head == "star", text
    kernel, image, _ = tree.args
    notes = notes_of(tree, rank)
    if kernel.head == "transpose":
        return transposed(values[kernel.args[0].args[0].base], values[image.args[0].base], **notes), text
    first, second = values[kernel.args[0].base], values[image.args[0].base]
    if first.ndim == second.ndim + 1:
        return convolved(first, second, **notes), text
    groups = notes.pop("g")
    return by_gradient(first, second, notes, groups), text


SIDE = st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2), st.integers(1, 3), st.integers(0, 3), st.integers(0, 2))


@given(st.lists(SIDE, min_size=1, max_size=2), st.integers(1, 3), st.integers(1, 2), st.integers(1, 2), st.booleans())
@settings(max_examples=20)
def test_the_notes_of_a_convolution_say_how_it_is_computed(sides, groups, inputs, outputs, turned):
    """Forward, and back to the image and to the kernel; one and two sides, convolutions and their transposes."""
    rank = len(sides)
    widths, steps, borders, gaps, more, longer = map(list, zip(*sides, strict=True))
    more = [min(m, max(s, d) - 1) for m, s, d in zip(more, steps, gaps, strict=True)]
    sizes = [max(1, d * (k - 1) + 1 - 2 * p + n + 1) for k, p, d, n in zip(widths, borders, gaps, longer, strict=True)]
    if turned:
        sizes = [n + p for n, p in zip(longer, borders, strict=True)]
        sizes = [max(n, 1) for n in sizes]
        full = [(n - 1) * s + d * (k - 1) + 1 + m for n, s, k, d, m in zip(sizes, steps, widths, gaps, more, strict=True)]
        borders = [min(p, (n - 1) // 2) for p, n in zip(borders, full, strict=True)]
    channels = groups * inputs
    X = sg.data("X", (channels, *sizes))
    K = sg.parameter("K", (channels, outputs, *widths) if turned else (groups * outputs, inputs, *widths))
    if turned:
        layer = sg.conv_transpose1d if rank == 1 else sg.conv_transpose2d
        y = layer(X, K, stride=steps, padding=borders, output_padding=more, dilation=gaps, groups=groups)
    else:
        layer = sg.conv1d if rank == 1 else sg.conv2d
        y = layer(X, K, stride=steps, padding=borders, dilation=gaps, groups=groups)
    G = sg.data("G", y.shape)
    chance = np.random.default_rng(3)
    values = {t.name: chance.normal(size=t.shape) for t in (X, K, G)}
    for tensor in (y, *sg.gradient(sg.sum(y * G), [X, K])):
        names = {n: values[n] for n in "XKG" if n in str(tensor).replace("Kᵀ", "K")}
        with trees() as found:
            text = str(tensor)
        if found[0][0].head != "star":  # of one entry, it is a product
            continue
        got, text = read(tensor, values, rank)
        np.testing.assert_allclose(got, tensor.eval(**names), rtol=1e-9, atol=1e-12, err_msg=text)


X, x3 = sg.data("X", (4, 9, 9)), sg.data("X", (4, 5, 6, 7))


@pytest.mark.parametrize("tensor, text", [
    (sg.conv2d(X, sg.parameter("K", (6, 2, 3, 3)), groups=2, stride=2, padding=1), "K ⋆_{s=2,p=1,g=2} X"),
    (sg.conv1d(sg.data("u", (4, 9)), sg.parameter("K", (4, 1, 3)), groups=4), "K ⋆_{g=4} u"),
    (sg.conv3d(x3, sg.parameter("K", (2, 2, 3, 3, 3)), groups=2, dilation=2), "K ⋆_{d=2,g=2} X"),
    (sg.conv_transpose2d(X, sg.parameter("K", (4, 3, 3, 3)), stride=2, padding=1, output_padding=1), "Kᵀ ⋆_{s=2,p=1,o=1} X"),
    (sg.conv_transpose1d(sg.data("u", (4, 9)), sg.parameter("K", (4, 3, 2)), stride=3, output_padding=2, groups=2),
     "Kᵀ ⋆_{s=3,o=2,g=2} u"),
])
def test_what_differs_from_the_defaults_is_said(tensor, text):
    assert str(tensor) == text


def test_derivations_say_it_in_words():
    T = sg.dim("T")
    layer = sg.nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
    derivation = sg.derive(sg.empirical_risk(sg.sum(sg.tanh(layer(sg.data("x", (4, 5, 5), over=T))))))
    text = " ".join(str(derivation).split())
    assert "a¹ = Kᵀ ⋆_{s=2,p=1,o=1,g=2} x + b transposed convolution, stride 2, padding 1, output padding 1, 2 groups" in text
    assert derivation.check()
