"""Maps of numbers that are there already: contours, regions, measured dots."""

import base64
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

import symgrad as sg

SVG = "{http://www.w3.org/2000/svg}"
X, Y = np.linspace(0, 2, 41), np.linspace(0, 1, 21)
VALUES = X[None, :] * Y[:, None]


def test_contours_with_measured_dots_in_their_own_colour():
    picture = sg.heatmap(VALUES, X, Y, names=("step", r"$\alpha$"), name="rate", dots={"measured": [(0.5, 0.5, 0.25), (2, 1, 2)]})
    root = ElementTree.fromstring(picture.svg)
    texts = [t.text for t in root.iter(f"{SVG}text")]
    assert {"step", "rate", "measured"} <= set(texts) and r"\alpha" in [t.text for t in root.iter(f"{SVG}title")]
    low, high = [c.get("fill") for c in root.iter(f"{SVG}circle") if c.get("class") == "dot" and c.get("fill") != "none"]
    assert low != high and high == "#f8f8d5"  # the top of the map
    assert picture.words == "rate over step from 0 to 2 and \\alpha from 0 to 1, between 0 and 2"


def test_regions_are_pixels_with_a_palette(tmp_path):
    regions = np.where(X[None, :] > 1, 1, 0) + 2 * (Y[:, None] > 0.5) - 4 * (VALUES > 1.9)
    picture = sg.heatmap(VALUES, X, Y, regions=regions, points={"minimum": [(1, 0.5)]}, paths={"way": [(0, 0), (1, 1)]})
    root = ElementTree.fromstring(picture.svg)
    (image,) = root.iter(f"{SVG}image")
    raw = base64.b64decode(image.get("href").partition(",")[2])
    assert raw.startswith(b"\x89PNG") and int.from_bytes(raw[16:20]) == 41 and int.from_bytes(raw[20:24]) == 21
    assert "4 regions" in picture.words and "way" in [t.text for t in root.iter(f"{SVG}text")]
    assert picture.save(tmp_path / "map.png").stat().st_size > 5000
    assert "2 basins" in sg.heatmap(None, X, Y, regions=(VALUES > 1) * 1, name="basins").words


@pytest.mark.parametrize(("draw", "message"), [
    (lambda: sg.heatmap(None, X, Y), "there are no values"),
    (lambda: sg.heatmap(X, X, Y), r"the values have shape \(41,\); a row for each y and a column for each x"),
    (lambda: sg.heatmap(VALUES, Y, X), r"the axis x has shape \(21,\); its 41 places, or its two ends"),
    (lambda: sg.heatmap(VALUES, X**2, Y), "the places on the axis x are not evenly spaced"),
    (lambda: sg.heatmap(VALUES, X[::-1], Y), "the axis x, from 2 to 0, does not rise"),
    (lambda: sg.heatmap(VALUES, X, Y, regions=VALUES.T), r"the regions have shape \(41, 21\), the values \(21, 41\)"),
    (lambda: sg.heatmap(VALUES * np.nan, X, Y), "none of the values is finite"),
    (lambda: sg.heatmap(VALUES, X, Y, points={"summit": [(1, 1)]}), "points of kind 'summit'"),
    (lambda: sg.heatmap(VALUES, X, Y, dots={"a": [(1, 1)]}), r"the dots 'a' have shape \(1, 2\); rows of 3 numbers"),
    (lambda: sg.heatmap([["a", "b"]], X, Y), "the values are no array of numbers"),
    (lambda: sg.heatmap(VALUES, X, Y, scale="cubic"), "scale is 'cubic'"),
    (lambda: sg.heatmap(VALUES, X, Y, path="a.pdf"), "its suffix is '.pdf'"),
])
def test_what_makes_no_map(draw, message):
    with pytest.raises(sg.SymgradError, match=message):
        draw()
