"""Every letter of a derivation is defined before it is used; functions are common knowledge or have a line of their own."""

import courses
import numpy as np
import pytest
from letters_defined import read, undefined

import symgrad as sg

T = sg.dim("T")


@pytest.mark.parametrize("name", courses.NETWORKS)
def test_letters_of_courses_are_defined(name):
    assert undefined(sg.derive(courses.NETWORKS[name]())) == []


@pytest.mark.parametrize(("text", "known", "missing"), [
    ("reshape(V₂, (T, 64)) W₃ᵀ", {"T", "W₃", "v₂"}, ["V₂"]),
    ("1/T G_A² ⋆_{p=1} X", {"T", "X", "G_a²"}, ["G_A²", "A²"]), ("1/T ∑_t G_{a²,t} ⋆ x_t", {"T", "x", "G_a²"}, []),
    ("[∑_jk G_{a²,ijk}]_i", {"G_a¹"}, ["G_a²"]), ("σ(x) + x_k", {"x"}, ["σ(x)", "k"]), ("e_y + x̂ᵀ 1", {"x", "y"}, ["x̂"]),
    ("∑_i x_i", {"x", "i"}, ["i"]), ("h_8, where h_t = a_t; t = (1, …, 8)", {"a"}, []),
    ("W_in_2[:32]ᵀ + 1e-5", {"W_in_2"}, []), ("x²", {"x", "x¹"}, ["x²"]), ("x²", {"x", "x²"}, []), ("x² + y_i²", {"x", "y", "i"}, []),
])
def test_what_has_no_meaning_is_found(text, known, missing):
    assert [each.split()[0].rstrip(",|(")[:3] for each in read(text, known, {"reshape"}, set())] == [each[:3] for each in missing]


def functions(derivation):
    """The line that says what functions are."""
    lines = derivation.unicode(200).splitlines()
    return next((line.split(maxsplit=1)[1] for line in lines if line.startswith("      Where")), "")


@pytest.mark.parametrize(("f", "wanted"), [
    (sg.tanh, ""), (sg.sigmoid, "σ(x) = 1/(1 + exp(-x))"), (sg.relu, "relu(x) = max(x, 0)"),
    (sg.softplus, "softplus(x) = log(exp(x) + 1),  σ(x) = 1/(1 + exp(-x))"), (sg.silu, "silu(x) = x σ(x),  σ(x) = 1/(1 + exp(-x))"),
    (sg.gelu, "gelu(x) = 1/2 x (erf(1/√2 x) + 1); erf is the error function"), (sg.erf, "erf is the error function"),
    (sg.elu, "elu(x, s) = {x if x > 0, s (exp(x) - 1) otherwise}"),
    (sg.lgamma, "lgamma is the logarithm of the gamma function; digamma is the digamma function"),
    (lambda x: sg.clip(x, -1, 1), "clip(x, a, b) = min(max(a, x), b)"),
])
def test_functions_are_defined_once_from_their_rows(f, wanted):
    x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
    derivation = sg.derive(sg.empirical_risk(f(w @ x) ** 2))
    assert functions(derivation) == wanted and undefined(derivation) == []
    for text in (derivation.latex(), derivation.markdown(), derivation.html()):
        assert ("Where" in text) == bool(wanted)
    told = [line for line in sg.explain(derivation).symbols if "(x" in line or " is the " in line]
    assert bool(told) == bool(wanted)


NAMES = [("i", "k", "t"), ("t", "s", "T_0"), ("j", "l", "z"), ("σ", "e", "δ"), ("X", "G", "A")]


@pytest.mark.parametrize("names", NAMES)
def test_no_index_has_a_letter_of_the_user(names):
    """Data and parameters whose names are letters of indices, in layers, a convolution and sums over entries."""
    one, two, three = names
    x, W, y = sg.data(one, (1, 6, 6), over=T), sg.parameter(two, (4, 16)), sg.labels(three, classes=4, over=T)
    z = sg.relu(sg.conv2d(x, sg.parameter("K", (1, 1, 3, 3))))
    derivation = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(W @ sg.sigmoid(z.reshape(16)), y) + sg.mean(z**3)))
    assert undefined(derivation) == [] and derivation.check()


def test_the_number_beside_a_parameter_of_its_name():
    """2 π where π are the weights of a mixture is 2 pi, and the words say what that is."""
    weights, z, m, s = sg.parameter("π", 3), sg.data("x", over=T), sg.parameter("μ", 3), sg.parameter("σ", 3)
    parts = sg.log(sg.softmax(weights)) - (z - m) ** 2 / (2 * s**2) - sg.log(s) - np.log(2 * np.pi) / 2
    derivation = sg.derive(-sg.empirical_risk(sg.logsumexp(parts - sg.gelu(weights))))
    text = derivation.unicode()
    assert "√(2 pi)" in text.replace("√2/√pi", "√(2 pi)") and "the number 3.14159…" in text
    assert undefined(derivation) == [] and derivation.check()


def test_where_samples_meet_the_index_of_a_sample_is_told():
    x, y = sg.data("x", (2, 5, 5), over=T), sg.labels("y", classes=4, over=T)
    net = sg.nn.Sequential(sg.nn.Conv2d(2, 3, 3), sg.nn.BatchNorm2d(3), sg.nn.Sigmoid(), sg.nn.Flatten(), sg.nn.Linear(27, 4))
    derivation = sg.derive(sg.empirical_risk(sg.losses.cross_entropy(net(x), y)))
    assert "Values with the index t are those of sample t." in derivation.unicode() and undefined(derivation) == []


def test_an_answer_by_data_whose_samples_meet_says_of_which_sample_it_is():
    T = sg.dim("T")
    x = sg.data("x", 3, over=T)
    text = str(sg.derive(sg.mean(sg.sum((x - sg.mean(x, over=T)) ** 2), over=T), [x]))
    assert "∇_{x_t} L = 2/T (x_t - 1/T ∑_s x_s)" in text and "G_{x,t} = 2/T (x_t - 1/T ∑_s x_s)" in text
