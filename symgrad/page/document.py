"""Whole pages: what stands around an answer, and those that hold none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlencode

from symgrad.page.answering import answer, growing
from symgrad.page.gallery import TOPICS
from symgrad.page.question import Question
from symgrad.page.recipe import LAYERS, LOSSES, OPTIMIZERS, NetworkPlan
from symgrad.page.sections import END, filled, section, sections
from symgrad.page.sets import present
from symgrad.page.shown import Reply

CLOSE = "</div>\n"


def opening(question: Question) -> str:
    """A page up to its answer."""
    title = f"{question.text[:60]} · symgrad" if question.text else "symgrad: derivatives as formulas"
    head = filled("head.html.j2", title=title, here="/", main="answer")
    return head + '<main id="main">\n' + filled("ask.html.j2", q=question) + '<div id="answer">\n'


def closing(question: Question) -> str:
    """The rest of it."""
    start = "" if question.text else filled("start.html.j2", topics=TOPICS)
    return CLOSE + start + filled("foot.html.j2")


def page_of(found: Reply) -> str:
    """The whole page of an answer."""
    return opening(found.question) + sections(found) + closing(found.question)


def asked_page(question: Question) -> str:
    """The whole page of a question, without a server: the same text that a server sends in pieces.

    >>> asked_page(Question("x @ x", wrt="x")).count("<!DOCTYPE html>")
    1
    """
    return page_of(answer(question)) if question.text else opening(question) + closing(question)


def pieces(question: Question, parts: Sequence[str] | None = None) -> Iterator[tuple[str, str]]:
    """The sections of an answer as they are found, each with the name of its part; `parts` says which, None all."""
    for part, found in growing(question, parts):
        if part != "reading" or parts is None or "derivatives" in parts:
            yield part, section(part, found)


def unfinished(why: str) -> str:
    """What stands in the place of sections that did not come."""
    return filled("unfinished.html.j2", why=why) + END


def gallery_page() -> str:
    """The examples, by topic."""
    return (filled("head.html.j2", title="Gallery · symgrad", here="/gallery", main="main")
            + filled("gallery.html.j2", topics=TOPICS) + filled("foot.html.j2"))


def refusal(status: int, title: str, why: str) -> str:
    """A page that says why there is none."""
    return (filled("head.html.j2", title=f"{title} · symgrad", here="", main="main")
            + filled("refusal.html.j2", status=status, title=title, why=why) + filled("foot.html.j2"))


def network_opening(recipe: NetworkPlan, fault: str = "") -> str:
    """The page on which a network is put together, up to what it computes."""
    return (filled("head.html.j2", title="Network · symgrad", here="/network", main="main")
            + filled("network.html.j2", r=recipe, sets=present(), layers=LAYERS, losses=LOSSES, optimizers=OPTIMIZERS)
            + (filled("refused.html.j2", why=fault) if fault else ""))


def training_opening(recipe: NetworkPlan) -> str:
    """The page of a training, up to its pictures."""
    title = f"Training on {'your table' if recipe.table.strip() else present().get(recipe.data, recipe.data).lower()}"
    return (filled("head.html.j2", title=f"{title} · symgrad", here="/network", main="main")
            + filled("train.html.j2", title=title))


def training_end(number: int | None, recipe: NetworkPlan, fault: str) -> str:
    """The end of it: the link to the report, or why there is none."""
    fields = [(name, getattr(recipe, name)) for name in ("data", "loss", "optimizer", "rate", "epochs", "seed")]
    for kind, units in recipe.layers:
        fields += [("layer", kind), ("units", units or "")]
    again = "?" + urlencode(fields)
    return ((filled("refused.html.j2", why=fault) if fault else "") + filled("after.html.j2", number=number, again=again)
            + CLOSE + filled("foot.html.j2"))


def network_closing() -> str:
    """The rest of a page of a network."""
    return CLOSE + filled("foot.html.j2")
