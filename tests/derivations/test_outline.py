"""A derivation as an outline: the four forms say the same things, in the same order, and each knows each block."""

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import get_args

import derived
import pytest

import symgrad as sg
from symgrad.derivations import outline as outlines
from symgrad.derivations.html import Html
from symgrad.derivations.latex import Latex
from symgrad.derivations.markdown import Markdown
from symgrad.derivations.outline import Batch, Laws, Opening, Steps, outline, told
from symgrad.derivations.pieces import Math, Reference, said
from symgrad.derivations.terminal import Terminal

BLOCKS = get_args(outlines.Block)
FORMS = (Terminal, Markdown, Latex, Html)


@dataclass
class Recording:
    """A form that writes down what it is asked for."""

    asked: list = field(default_factory=list)

    def _record(self, block):
        self.asked.append(block)
        return [type(block).__name__]

    opening = answers = written = remark = laws = glossary = steps = formula = batch = _record


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_each_form_knows_each_block(form):
    names = [block.__name__.lower() for block in BLOCKS]
    assert names == "opening answers written remark laws glossary steps formula batch".split()
    assert all(callable(getattr(form, name)) for name in names)


@pytest.mark.parametrize("name", list(derived.MODELS))
def test_blocks_come_in_one_order_and_every_step_once(name):
    d = derived.derivation(name)
    for style in ("unicode", "latex"):
        blocks = outline(d, style)
        order = [BLOCKS.index(type(block)) for block in blocks]
        assert all(before <= after for before, after in pairwise(order)) and isinstance(blocks[0], Opening)
        items = [item for block in blocks if isinstance(block, Steps) for item in block.items]
        assert [item.step for item in items] == list(d.steps)
        form = Recording()
        assert told(blocks, form) == [type(block).__name__ for block in blocks] and form.asked == list(blocks)


@pytest.mark.parametrize("name", list(derived.MODELS))
def test_all_forms_number_the_same_steps_and_name_the_same_laws(name):
    d = derived.derivation(name)
    numbers = [s.number for s in d.steps]
    plain = d.unicode(width=200)
    assert [int(n) for n in re.findall(r"^ *\((\d+)\) ", plain, re.MULTILINE)] == numbers
    assert [int(n) for n in re.findall(r'<a id="step-(\d+)"', d.markdown())] == numbers
    assert [int(n) for n in re.findall(r"\\label{step-(\d+)}", d.latex())] == numbers
    assert [int(n) for n in re.findall(r'class="sg-step" id="step-(\d+)"', d.html())] == numbers
    (laws,) = (block for block in outline(d, "latex") if isinstance(block, Laws))
    for law in laws.laws:
        assert law.title in plain
        assert f"*{law.title}*. " in d.markdown() and rf"\item[{law.title}] " in d.latex()
        assert f"<dt>{law.title}</dt>" in d.html()


def test_the_batch_has_the_numbers_of_its_steps():
    d = derived.derivation("classifier")
    batch = outline(d, "unicode")[-1]
    assert isinstance(batch, Batch)
    texts = {s.number: s.batch_formula for s in d.steps if s.kind != "mean"}
    assert [number for number, _ in batch.rows] == list(texts)  # without a gap
    assert all(texts[number] == text for number, text in batch.rows if d.steps[number - 1].box.kind != "output")
    assert "L = mean(logsumexp(A², axis=1) - [A²_{t,y_t}]_t)" in dict(batch.rows).values()


def test_what_the_loss_does_not_depend_on_is_said_in_all_forms():
    w, u = sg.parameter("w", 3), sg.parameter("u_1", 3)
    d = sg.derive(sg.sum(sg.tanh(w)), [w, u])
    assert "It does not depend on u₁: that gradient is zero." in d.unicode()
    assert "It does not depend on $u_{1}$: that gradient is zero." in d.markdown()
    assert r"\noindent It does not depend on $u_{1}$: that gradient is zero." in d.latex()
    assert re.search(r"<p>It does not depend on <math.*</math>: that gradient is zero\.</p>", d.html())


def test_plain_words_of_a_sentence_are_escaped_where_the_form_needs_it():
    sentence = ("if a < b: ", Math("x"), ", by ", Reference(2))
    assert said(sentence, str) == "if a < b: x, by (2)"
    assert said(sentence, "${}$".format, "<{}>".format, lambda text: text.replace("<", "&lt;")) == (
        "if a &lt; b: $x$, by <2>")
