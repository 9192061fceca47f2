"""The README: what it points to is there. That its tour runs is tested with the pages, in test_docs.py."""

import html
import re

from places import ROOT

import symgrad as sg


def test_the_picture_and_the_commands_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "graph.svg").stat().st_size < 100_000
    for command in re.findall(r"^    \./(\S+)", text, re.M):
        assert (ROOT / command).exists()
    for path in re.findall(r"examples/\w+\.py", text) + re.findall(r"\]\(([^)#:]+)", text):
        assert (ROOT / path).exists(), path


def test_the_picture_is_that_of_the_tour():
    T = sg.dim("T")
    x, t = sg.data("x", 4, over=T), sg.labels("t", classes=3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 8), sg.nn.Tanh(), sg.nn.Linear(8, 3))
    drawing = sg.draw(sg.derive(sg.empirical_risk(sg.losses.cross_entropy(net(x), t))))
    text = (ROOT / "docs" / "graph.svg").read_text(encoding="utf-8")
    assert html.unescape(re.search("<desc[^>]*>(.*?)</desc>", text, re.S)[1]) == drawing.alt, "draw docs/graph.svg anew"
