"""An answer is one pure function of its question, complete without a server and, for its formulas, without NumPy."""

import dataclasses
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from places import ROOT

from symgrad.page.answering import HALVES, answer, growing
from symgrad.page.document import asked_page, gallery_page
from symgrad.page.gallery import EXAMPLES, TOPICS
from symgrad.page.numbers import in_sympy
from symgrad.page.question import LONGEST, Question, TooLong, question_of

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
LEAST = Question("sum((X @ w - y)**2)", "X=n,d w=d y=n", "w")


class Balanced(HTMLParser):
    """HTML in which every element is closed, in order; ids, addresses and elements are kept."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.addresses, self.tags = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append((tag, given))
        self.ids += [given["id"]] if "id" in given else []
        self.addresses += [given[name] for name in ("href", "src", "action") if given.get(name)]
        assert not [name for name in given if name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open[-5:])
            self.open.pop()


def checked(page):
    found = Balanced(page)
    assert len(set(found.ids)) == len(found.ids), sorted(i for i in found.ids if found.ids.count(i) > 1)
    for address in found.addresses:
        assert address.startswith(("/", "#", "data:,")), f"{address} leaves this machine"
    for tag, given in found.tags:
        if tag in ("input", "textarea", "select") and given.get("type") not in ("hidden", "checkbox"):
            assert f'for="{given.get("id")}"' in page or given["name"].startswith("shape-"), given
    return found


def test_an_answer_has_everything():
    found = answer(LEAST)
    assert found.fault is None and not found.missing
    assert found.reading.formula.unicode == "‖X w - y‖²" and found.reading.number
    assert [(row.name, row.typed, row.guessed, row.chosen) for row in found.reading.names] == [
        ("X", "n,d", False, False), ("w", "d", False, True), ("y", "n", False, False)]
    assert [row.formula.unicode for row in found.derivatives] == ["2 Xᵀ (X w - y)"]
    assert [(row.formula.unicode, row.kind) for row in found.hessians] == [
        ("2 Xᵀ X", "a Gram matrix, so positive semidefinite")]
    assert found.steps == 4 and "step-4" in found.derivation and "What the names mean" in found.explanation
    assert found.words[0] == "L is the squared norm of the difference X times w minus y."
    assert "def backward(w, X, y):" in found.programs.numpy and "int backward(" in found.programs.c
    assert in_sympy(LEAST).endswith("2*X.T*(X*w - y)\n")
    assert found.picture.startswith("<svg")
    assert [row.formula.unicode for row in found.minimum] == ["(Xᵀ X)⁻¹ Xᵀ y"]
    assert found.curvature.verdict == "convex"
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.steps = 5


def test_equal_questions_have_equal_pages():
    assert asked_page(LEAST) == asked_page(Question("sum((X @ w - y)**2)", "X=n,d w=d y=n", "w"))


def test_shapes_are_guessed_and_a_guess_that_nobody_changed_stays_one():
    rows = answer(Question("‖X w - y‖²", wrt="w")).reading.names
    assert {row.name: (row.typed, row.guessed) for row in rows} == {"X": ("n,d", True), "w": ("d", True), "y": ("n", True)}
    asked = question_of([("text", "A x"), ("shape-A", "n,d"), ("guess-A", "n,d"), ("shape-x", "3"), ("guess-x", "d"),
                         ("by", "x"), ("by", "A")])
    assert asked == Question("A x", "x=3", "x,A")


def test_facts_are_declared_behind_a_shape():
    found = answer(Question("logdet(S) + tr(inv(S) C)", "S=d,d: positive definite; C=d,d: symmetric", "S"))
    assert [row.formula.unicode for row in found.derivatives] == ["S⁻¹ - S⁻¹ C S⁻¹"]
    assert [row.formula.unicode for row in found.minimum] == ["C"]
    assert [row.typed for row in found.reading.names] == ["d,d: positive_definite", "d,d: symmetric"]
    assert "facts are symmetric, positive_definite" in answer(Question("x", "x=n: round")).fault.message


def test_a_claim_is_judged_with_a_counterexample():
    wrong = answer(dataclasses.replace(LEAST, claim="X.T @ (X @ w - y)")).judgement
    assert not wrong.equal and "multiply it by 2" in wrong.sentence and wrong.rows
    assert answer(dataclasses.replace(LEAST, claim="2 X'X w - 2 X'y")).judgement.equal
    assert answer(dataclasses.replace(LEAST, claim="2 X'X", of="hessian")).judgement.equal
    found = answer(dataclasses.replace(LEAST, claim="2 X'(")).missing["judgement"]
    assert "not closed" in found or "ends where" in found
    assert "choose one" in answer(Question("x' y", claim="y")).missing["judgement"]


def test_what_is_no_number_has_a_jacobian():
    found = answer(Question("softmax(z)"))
    assert [(row.formula.unicode, row.kind) for row in found.derivatives] == [
        ("diag(softmax(z)) - softmax(z) softmax(z)ᵀ", "diagonal plus low rank")]
    assert found.hessians == () and found.derivation is None and found.picture and not found.missing


@pytest.mark.parametrize(("text", "said", "mark"), [
    ("sum(X w", "column 4: ( is not closed; write )", "   ^"),
    ("X @@ w", "column 4: @ is not expected here", "   ^"),
    ("foo(x)", "column 1: there is no function foo", "^"),
    ("", "empty", ""),
])
def test_a_wrong_formula_is_shown_with_its_place(text, said, mark):
    fault = answer(Question(text)).fault
    assert said in fault.message and fault.mark == mark
    assert fault.line == (text if mark else "")


def test_messages_speak_of_the_page_and_not_of_the_command_line():
    for text, wrt in (("x' y z", ""), ("tr(A B) + a b c", ""), ("a b c d e f g h k", ""), ("sum(x)", "nobody")):
        page = asked_page(Question(text, wrt=wrt))
        assert "--shape" not in page and "--wrt" not in page, text


def test_what_stands_where_the_gradient_is_zero_is_named():
    for text, shapes, wrt, name in (("‖X w - y‖²", "", "w", "minimum"), ("-sum(p ⊙ log(p))", "p=n: positive", "p", "maximum"),
                                    ("x' A x", "A=n,n: symmetric", "x", "stationary point")):
        found = answer(Question(text, shapes, wrt))
        assert found.minimum and found.extremum == name
        assert f"<h2>{name.capitalize()}</h2>" in asked_page(Question(text, shapes, wrt))


def test_a_formula_without_names_is_read_and_no_more():
    found = answer(Question("2π + log(3)"))
    assert found.fault is None and found.missing == {"derivatives": "the formula has no name to differentiate by"}


def test_parts_come_in_the_order_of_the_page():
    names = [part for part, _ in growing(LEAST)]
    assert names == ["reading", "derivatives", "hessians", "minimum", "derivation", "explanation", "picture", "programs",
                     "curvature"]
    halves = [part for half in HALVES for part, _ in growing(LEAST, half)]
    assert [part for part in halves if part != "reading"] == names[1:]


def test_a_fault_in_one_part_leaves_the_others(monkeypatch):
    def broken(*_):
        raise KeyError("nothing")

    monkeypatch.setitem(vars(sys.modules["symgrad.page.answering"])["PARTS"], "hessians", broken)
    found = answer(LEAST)
    assert "fault of symgrad" in found.missing["hessians"] and "KeyError" in found.missing["hessians"]
    assert found.derivatives and found.curvature


def test_the_gallery_has_forty_examples_by_topic():
    assert len(EXAMPLES) == 40 and len({each.question for each in EXAMPLES}) == 40
    assert len({each.title for each in EXAMPLES}) == 40 and len(TOPICS) >= 8
    checked(gallery_page())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.title)
def test_every_example_is_answered(example):
    found = answer(example.question)
    assert found.fault is None, found.fault
    assert found.derivatives and found.programs and found.picture
    assert set(found.missing) <= {"minimum"}, found.missing
    checked(asked_page(example.question))


def test_text_is_escaped_everywhere():
    for text in ("<script>alert(1)</script>", "x' y \"><img src=x onerror=alert(1)>", "</textarea><b>", "{{ 7 * 7 }}"):
        page = asked_page(Question(text, f"x={text}", text, text))
        found = checked(page)
        assert [given for tag, given in found.tags if tag == "script"] == [{"src": "/page.js", "defer": None}]
        assert not [tag for tag, given in found.tags if tag == "img"] and "<b>" not in page.replace("<b>∇</b>", "").replace(
            "<b>   ", "").replace("<b>^", "").replace("<b> ", "") or "&lt;b&gt;" in page


def test_what_is_too_long_is_refused():
    for name, longest in LONGEST.items():
        if name != "of":
            with pytest.raises(TooLong, match=f"{name} has .* more than"):
                question_of([(name, "x" * (longest + 1))])


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("numpy", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
from symgrad.page.answering import answer
from symgrad.page.document import asked_page
from symgrad.page.gallery import EXAMPLES
from symgrad.page.question import Question

for question in (Question("sum((X @ w - y)**2)", wrt="w"), Question("softmax(z)"), *(e.question for e in EXAMPLES)):
    found = answer(question)
    assert found.fault is None and found.derivatives and found.explanation, (question, found.fault, found.missing)
    assert found.derivation or not found.reading.number
    assert set(found.missing) <= {"programs", "picture", "minimum", "curvature"}, found.missing
    page = asked_page(question)
    assert page.count("<math") > 5 and "NumPy is not here" in page
    assert not [name for name in sys.modules if name.split(".")[0] in ("numpy", "scipy")]
print("done")
"""


def test_formulas_derivations_and_pages_need_no_numpy():
    done = subprocess.run([sys.executable, "-c", WITHOUT], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and done.stdout == "done\n", done.stderr[-3000:]
