"""Curves of several histories in one picture."""

import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import symgrad as sg

SVG = "{http://www.w3.org/2000/svg}"
FIT = sg.History({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.1], "accuracy": [0.1, 0.5, 0.9]})
DESCENT = sg.History({"loss": [4.0, 9.0, 1e-3, 1e-8], "gradient_norm": [2.0, 3.0, 1e-2, 1e-6],
                      "accepted": [True, False, True, True]})


def drawn(picture):
    """The texts, and the d of each curve."""
    root = ElementTree.fromstring(picture.svg)
    paths = [g.find(f"{SVG}path").get("d") for g in root.iter(f"{SVG}g") if g.get("class") == "track"]
    return [t.text for t in root.iter(f"{SVG}text")], paths


def test_named_histories_share_a_logarithmic_axis(tmp_path):
    picture = sg.plot({"SGD & <co>": FIT, "Newton": DESCENT})
    texts, paths = drawn(picture)
    assert {"SGD & <co>", "Newton", "loss", "1e-08", "epoch or iteration"} <= set(texts)
    assert [path.count("L") for path in paths] == [2, 2]  # the rejected point is left out
    assert picture.words == "loss of SGD & <co> from 0.9 to 0.1, Newton from 4 to 1e-08"
    assert picture.save(tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert sg.plot([DESCENT], path=tmp_path / "loss.svg").svg == (tmp_path / "loss.svg").read_text(encoding="utf-8")
    assert picture.svg == picture._repr_svg_() and "prefers-color-scheme: dark" in picture.svg


def test_other_curves_and_numbers_alone():
    assert "gradient norm" in drawn(sg.plot([DESCENT, DESCENT], curve="gradient_norm"))[0]
    assert {"1", "2"} <= set(drawn(sg.plot([DESCENT, DESCENT]))[0])
    assert drawn(sg.plot(FIT))[0][0] == "loss" and len(drawn(sg.plot(0.5 ** np.arange(200)))[1]) == 1
    assert {"a", "b"} <= set(drawn(sg.plot([("a", DESCENT), ("b", [1.0, 2.0])]))[0])
    assert len(drawn(sg.plot([[3.0, 2.0], [1.0, 0.5]]))[1]) == 2


def test_above_the_best():
    texts, paths = drawn(sg.plot({"a": [-1.0, -1.5, -1.9], "b": [-1.2, -2.0]}, above="best"))
    assert "loss above -2" in texts and paths[1].endswith(" 320")  # the best itself stands on the ground
    assert "loss above -3" in drawn(sg.plot({"a": [-1.0, -1.5]}, above=-3))[0]
    assert drawn(sg.plot([[0.5, 0.0]], above="best"))[0][0] == "loss"


def test_scales():
    assert 'class="zero"' in sg.plot({"a": [1.0, 0.01, 0.0]}).svg
    assert "-2" in drawn(sg.plot({"a": [-1.0, 1.0, -2.0]}))[0]  # negative values: a linear axis
    assert "0.01" in drawn(sg.plot({"a": [1.0, 0.01, 0.0]}))[0]
    assert "0.6" in drawn(sg.plot({"a": [1.0, 0.01, 0.0]}, scale="linear"))[0]
    assert "0.01" in drawn(sg.plot({"a": [1.0, -3.0, 0.01]}, scale="log"))[0]


@pytest.mark.parametrize("values", [[1.0], [0.0, 0.0], [1.0, 1.0], [math.nan, 1.0, math.inf], [1e300, 1e-300], [5e-324, 1.0],
                                    list(np.geomspace(1, 1e-12, 5000)), [-1e9, 1e9]])
def test_odd_curves_are_drawn_too(values):
    picture = sg.plot({"a": values})
    root = ElementTree.fromstring(picture.svg)
    assert len(picture.svg) < 100_000
    for circle in root.iter(f"{SVG}circle"):
        assert -1 <= float(circle.get("cx")) <= 561 and -1 <= float(circle.get("cy")) <= 321


@pytest.mark.parametrize(("draw", "message"), [
    (lambda: sg.plot({}), "there is no history; give a list of them"),
    (lambda: sg.plot([]), "there is no history"),
    (lambda: sg.plot({"a": FIT}, curve="acuracy"), "the history 'a' has no curve 'acuracy', only epoch, loss, accuracy"),
    (lambda: sg.plot({"a": sg.History({"loss": []})}), "the history 'a' has no value yet"),
    (lambda: sg.plot({"a": [math.nan]}), "the curve 'loss' has no finite value"),
    (lambda: sg.plot({"a": "text"}), "the history 'a' is neither a History, nor what sg.minimize gives"),
    (lambda: sg.plot({"a": [-1.0]}, scale="log"), "no value of 'loss' is positive.*above='best'"),
    (lambda: sg.plot({"a": [1.0]}, scale="square"), "scale is 'square'; one of auto, linear, log"),
    (lambda: sg.plot({"a": [1.0]}, above="least"), "above is None, 'best' or a number, not 'least'"),
    (lambda: sg.plot({"a": [1.0]}, path="a.gif"), "its suffix is '.gif'"),
])
def test_what_cannot_be_plotted(draw, message):
    with pytest.raises(sg.SymgradError, match=message):
        draw()


def test_a_curve_of_the_histories_may_be_what_is_counted():
    batches = {"batch": [1, 4, 16], "spread": [4.0, 2.0, 1.0]}
    chart = sg.plot({"a": sg.History(batches)}, curve="spread", along="batch", counts="log")
    assert ">batch<" in chart.svg and ">epoch<" not in chart.svg
    with pytest.raises(sg.SymgradError, match="plot: the history 'a' has no curve 'size', only batch, spread"):
        sg.plot({"a": sg.History(batches)}, curve="spread", along="size")
    with pytest.raises(sg.SymgradError, match="is a list of numbers and has no curve 'batch' to draw them by"):
        sg.plot({"a": [1.0, 2.0]}, along="batch")


def test_the_history_of_a_minimiser_shows_itself():
    p, q = sg.parameter("p"), sg.parameter("q")
    rosenbrock = (1 - p) ** 2 + 100 * (q - p**2) ** 2
    results = [sg.minimize(rosenbrock, [p, q], {}, method=m, start={"p": -1.2, "q": 1.0}) for m in ("newton", "l-bfgs")]
    history = results[0].history
    html = history._repr_html_()
    assert html.startswith("<svg") and "accepted" in html and history.svg() in html + "\n"
    texts, paths = drawn(sg.plot(results))
    assert {"newton", "l-bfgs"} <= set(texts) and len(paths) == 2
    assert sg.landscape(rosenbrock, (p, q), histories=results).words.endswith("the paths of newton, l-bfgs")
