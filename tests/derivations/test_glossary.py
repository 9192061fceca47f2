"""Every sign that a derivation uses is explained in it, once, and no other."""

import re

import derived
import numpy as np
import pytest

import symgrad as sg
from symgrad.derivations.glossary import TITLE, WORDS, words_in
from symgrad.derivations.outline import Glossary, Laws, outline
from symgrad.formulas.spelling.tree import Tree, call, name

SIGNS = {"hadamard": "⊙", "star": r"⋆", "entries": r"\]_[a-z]", "unit": r"(?<!\w)e_", "joined": r"concat\(", "axis": "axis="}


def formulas(d):
    """What a derivation prints of its steps, one sample and the batch."""
    text = d.unicode(width=10_000)
    steps = text[re.search(r"^(Forward|Backward)$", text, re.MULTILINE).start():]
    laws = "\n".join(sign for law in laws_of(d) for sign in law.signs)
    return laws + "\n" + "\n".join(re.split(r"  +(?=[a-z])", line)[0] for line in steps.splitlines())


def laws_of(d):
    (block,) = (each for each in outline(d, "unicode") if isinstance(each, Laws))
    return block.laws


def terms_of(d, style="unicode"):
    (block,) = (each for each in outline(d, style) if isinstance(each, Glossary))
    return block.terms


def functions_of(d):
    """The functions that the terms are about."""
    return {m[1] for term in terms_of(d) if (m := re.match(r"([a-z]+)(?:_\w)?\(", term.sign))}


@pytest.mark.parametrize("model", list(derived.MODELS))
def test_functions_are_explained_where_they_stand(model):
    d = derived.derivation(model)
    known = {re.match(r"\w+", word)[0] for word in WORDS} | {"concat"}
    used = {f for f in re.findall(r"(?<!\w)([a-z]+)(?:_\w+)?[(\[]", formulas(d)) if f in known}
    assert functions_of(d) == used, model
    assert ("⊙" in formulas(d).replace("^⊙", "")) == any(term.sign == "u ⊙ v" for term in terms_of(d))


@pytest.mark.parametrize("form", ["unicode", "markdown", "latex", "html"])
def test_all_forms_tell_the_words_once(form):
    d = derived.derivation("classifier")
    text = getattr(d, form)()
    assert text.count(TITLE) == 1
    assert terms_of(d) and len({term.sign for term in terms_of(d)}) == len(terms_of(d)) == len(terms_of(d, "latex"))


def test_words_do_not_depend_on_what_was_printed_before():
    first, second = (sg.derive(derived.derivation("classifier").y) for _ in range(2))
    for step in second.steps:
        str(step), step.batch_formula, step.steps
    second.html()
    assert terms_of(first) == terms_of(second)


def test_pools_and_convolutions_are_explained():
    T = sg.dim("T")
    x, K = sg.data("x", (1, 6, 6), over=T), sg.parameter("K", (2, 1, 3, 3))
    d = sg.derive(sg.empirical_risk(sg.sum(sg.max_pool2d(sg.conv2d(x, K), 2) ** 2)))
    signs = [term.sign for term in terms_of(d)]
    assert "K ⋆ x" in signs and "G ⋆ x" in signs and "maxpool_k(x)" in signs and "unpool_k(G, x = v)" in signs


def test_a_mask_is_explained_with_its_numbers():
    T = sg.dim("T")
    x = sg.data("x", 3, over=T)
    d = sg.derive(sg.empirical_risk(sg.sum(sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.Dropout(0.75))(x) ** 2)))
    said = "a random mask, drawn anew in every step of a training: 0 with the probability 0.75, else 4; in prediction all ones"
    assert ("m", (said,)) in [(term.sign, term.meaning) for term in terms_of(d)]
    mask = sg.nn.Dropout(0.75)(sg.data("a", 100_000))
    assert mask is not None and np.isclose(1 / (1 - 0.75), 4)


def test_a_name_that_somebody_gave_is_no_word():
    e = sg.parameter("e_k", 3)
    d = sg.derive(sg.sum(sg.tanh(e)), [e])
    assert not any(term.sign.startswith("e_") for term in terms_of(d))
    assert words_in([name("e_k"), name("e", [name("k")]), call("own", name("x"))]) == frozenset()


@pytest.mark.parametrize("word", WORDS)
def test_the_sign_of_a_word_is_found_as_that_word(word):
    if word not in ("unit", "δ", "onehot"):
        sign = WORDS[word].sign
        sign = Tree("star", (name("G_a"), sign.args[1], ())) if word == "by" else sign
        assert word in {found for found, _ in words_in([sign])}
