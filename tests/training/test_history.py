"""The course of a fit: curves as a table and as a picture that stands on its own."""

import csv
import math
import xml.etree.ElementTree as ElementTree

import pytest

import symgrad as sg
from symgrad.drawing.pictures.curves import curves_svg
from symgrad.training.history import History

SVG = "{http://www.w3.org/2000/svg}"


def history(epochs=30):
    count = range(1, epochs + 1)
    return History({
        "epoch": list(count), "loss": [2 * math.exp(-i / 6) for i in count], "accuracy": [1 - math.exp(-i / 5) for i in count],
        "val_loss": [2 * math.exp(-i / 6) + 0.1 for i in count], "val_accuracy": [0.9 - math.exp(-i / 5) for i in count],
        "seconds": [0.5 * i for i in count]}, best_epoch=epochs - 1)


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_csv_has_a_row_for_each_epoch(tmp_path):
    path = history().to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert list(rows[0]) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "seconds"]
    assert len(rows) == 30 and rows[4]["epoch"] == "5"
    assert float(rows[4]["loss"]) == pytest.approx(history()["loss"][4], rel=1e-7)


def test_the_picture_has_a_panel_for_each_quantity(tmp_path):
    path = history().plot(tmp_path / "curve.svg")
    svg = path.read_text(encoding="utf-8")
    words = texts(svg)
    assert {"loss (logarithmic)", "accuracy", "epoch", "best epoch 29"} <= set(words)
    assert any(word.startswith("training ") for word in words) and any(word.startswith("validation ") for word in words)
    assert "prefers-color-scheme: dark" in svg and "aria-label" in svg
    assert history().svg() == svg  # nothing in it depends on the day


def test_all_that_is_drawn_lies_within_the_frame():
    root = ElementTree.fromstring(curves_svg(history().curves))
    width, height = float(root.get("width")), float(root.get("height"))
    for circle in root.iter(f"{SVG}circle"):
        assert 0 <= float(circle.get("cx")) <= width and -0.01 <= float(circle.get("cy")) <= height


@pytest.mark.parametrize("curves", [
    {"epoch": [1], "loss": [0.5], "seconds": [1]},
    {"epoch": [1, 2], "loss": [0.0, 0.0], "seconds": [1, 2]},
    {"epoch": [1, 2], "loss": [0.3, 1e-9], "val_loss": [math.nan, math.inf], "seconds": [1, 2]},
    {"epoch": [1, 2, 3], "loss": [-5.0, -6.0, -1000.0], "seconds": [1, 2, 3]},
    {"epoch": [1, 2, 3], "loss": [1e12, 1e-12, 1.0], "R & D <x>": [1, 2, 3], "seconds": [1, 2, 3]},
    {"epoch": list(range(1, 501)), "loss": [1 + 1e-9 * i for i in range(500)], "seconds": list(range(500))},
])
def test_odd_histories_are_drawn_too(curves):
    words = texts(curves_svg(curves))
    assert words.count("epoch") == len([c for c in curves if not c.startswith("val_")]) - 2
    assert not any("nan" in word for word in words if not word.startswith(("training", "validation")))


def test_png_looks_like_one(tmp_path):
    path = history().plot(tmp_path / "curve.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_places_that_cannot_be_written(tmp_path):
    with pytest.raises(sg.SymgradError, match="'.jpg'.*svg .png"):
        history().plot(tmp_path / "curve.jpg")
    with pytest.raises(sg.SymgradError, match="no folder"):
        history().to_csv(tmp_path / "none" / "history.csv")
    with pytest.raises(sg.SymgradError, match="no epoch"):
        History({"epoch": [], "loss": [], "seconds": []}).plot(tmp_path / "curve.svg")
    with pytest.raises(KeyError, match="val_accuracy"):
        history()["acuracy"]
    assert list(tmp_path.iterdir()) == []


def test_length_and_last_values():
    assert len(history()) == 30 and history().last["epoch"] == 30
    assert history()._repr_html_().startswith("<svg") and History()._repr_html_() is None


def test_in_a_notebook_it_is_one_line():
    assert repr(History({"epoch": [1, 2], "loss": [0.5, 0.25], "seconds": [1, 2]})) == "<History of 2 epochs: loss 0.25>"
    assert repr(History({"epoch": [1], "loss": [0.5]}, interrupted=True)) == "<History of 1 epoch: loss 0.5; interrupted>"
    assert repr(History()) == "<History of 0 epochs>"


FITS = {"SGD": History({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.1]}), "Adam & <sons>": History({"epoch": [1], "loss": [0.4]}),
        "momentum": History({"epoch": [1, 2], "loss": [0.7, math.nan]}), "own": History({"epoch": [1, 2], "loss": [0.6, 1e-9]})}


def test_several_fits_in_one_picture(tmp_path):
    compared = sg.History.compare(FITS)
    assert repr(compared) == "<Comparison of SGD 0.1, Adam & <sons> 0.4, momentum nan, own 1e-09: loss>"
    path = compared.plot(tmp_path / "loss.svg")
    svg = path.read_text(encoding="utf-8")
    assert svg == compared.svg() == compared._repr_svg_() and "prefers-color-scheme: dark" in svg
    assert set(FITS) <= set(texts(svg))  # each is named, whatever their number
    strokes = [g.get("stroke") for g in ElementTree.fromstring(svg).iter(f"{SVG}g") if g.get("class", "").startswith("line")]
    assert len(set(strokes)) == len(FITS)
    assert compared.plot(tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_many_long_names_take_several_rows():
    many = {f"a rule with a long name, number {i}": FITS["SGD"] for i in range(9)}
    root = ElementTree.fromstring(sg.History.compare(many).svg())
    places = {float(text.get("y")) for text in root.iter(f"{SVG}text") if text.text in many}
    title = next(float(text.get("y")) for text in root.iter(f"{SVG}text") if text.text.startswith("loss"))
    assert len(places) > 3 and title < min(places)


def test_what_cannot_be_compared():
    with pytest.raises(sg.SymgradError, match="there is no history"):
        sg.History.compare({})
    with pytest.raises(sg.SymgradError, match="the history 'b' has no epoch yet"):
        sg.History.compare({"a": FITS["SGD"], "b": History()})
    with pytest.raises(KeyError, match="no curve 'accuracy'"):
        sg.History.compare(FITS, "accuracy")
