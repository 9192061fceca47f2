"""Landscapes: what is marked and where, what is shown, what is refused, how large the picture is."""

import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symgrad as sg

SVG = "{http://www.w3.org/2000/svg}"
p, q = sg.parameter("p"), sg.parameter("q")
HIMMELBLAU = (p**2 + q - 11) ** 2 + (p + q**2 - 7) ** 2
ROSENBROCK = (1 - p) ** 2 + 100 * (q - p**2) ** 2
MINIMA = [(3, 2), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127)]


def kinds(picture):
    """The marks in a picture by kind, in the contours and on the surface."""
    root = ElementTree.fromstring(picture.svg)
    found = [g.get("class").split()[1] for g in root.iter(f"{SVG}g") if (g.get("class") or "").startswith("spot ")]
    return {kind: found.count(kind) for kind in found}


def texts(picture):
    return [t.text for t in ElementTree.fromstring(picture.svg).iter(f"{SVG}text")]


def path(*points):
    return [{"p": np.array(float(a)), "q": np.array(float(b))} for a, b in points]


def test_himmelblau_has_nine_stationary_points(tmp_path):
    picture = sg.landscape(HIMMELBLAU, (p, q), {}, {})
    assert kinds(picture) == {"minimum": 8, "maximum": 2, "saddle": 8}  # each twice: contours and surface
    found = {kind: [s.place for s in picture.stationary if s.kind == kind] for kind in ("minimum", "maximum", "saddle")}
    assert np.array(sorted(found["minimum"])) == pytest.approx(np.array(sorted(MINIMA)), abs=1e-5)
    assert found["maximum"] == [pytest.approx((-0.270845, -0.923039), abs=1e-5)]
    assert {"4 minima", "maximum", "4 saddles"} <= set(texts(picture))
    for s in picture.stationary:
        assert sg.classify(HIMMELBLAU, [p, q], dict(zip("pq", s.place, strict=True))).kind == s.kind
    assert picture.save(tmp_path / "h.png").read_bytes().startswith(b"\x89PNG")
    assert sg.landscape(HIMMELBLAU, (p, q), path=tmp_path / "h.svg").svg == (tmp_path / "h.svg").read_text(encoding="utf-8")
    assert picture.svg == picture._repr_svg_() == picture._repr_mimebundle_()["image/svg+xml"]
    assert "prefers-color-scheme: dark" in picture.svg and "aria-label" in picture.svg


@pytest.mark.parametrize(("loss", "kind"), [
    (p**2 + 3 * q**2 + p * q, "minimum"), (-(p**2) - q**2, "maximum"), (p**2 - q**2, "saddle"), (p * q, "saddle"),
    (p**4 + q**4, "degenerate"), (p**3 + q**2, "degenerate"), (ROSENBROCK, "minimum"), (sg.cosh(p) + q**2, "minimum"),
])
def test_one_point_of_its_kind(loss, kind):
    picture = sg.landscape(loss, (p, q), limits=((-1.7, 2.1), (-2.3, 1.9)))
    assert [s.kind for s in picture.stationary] == [kind]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(-0.9, 0.9), st.floats(-0.9, 0.9))
def test_any_quadratic_with_a_shifted_centre(entries, a, b):
    """Its one stationary point has the kind that its eigenvalues say."""
    h = np.array([[entries[0], entries[1]], [entries[1], entries[2]]])
    low, high = eigenvalues = np.linalg.eigvalsh(h)
    if np.abs(eigenvalues).min() < 0.02 * max(1.0, np.abs(eigenvalues).max()):
        return
    x, y = p - a, q - b
    loss = sg.constant(h[0, 0]) * x**2 / 2 + sg.constant(h[0, 1]) * x * y + sg.constant(h[1, 1]) * y**2 / 2 + entries[3]
    picture = sg.landscape(loss, (p, q), limits=((-1.05, 1.1), (-1.2, 1.15)), view="contour", resolution=41)
    assert [s.kind for s in picture.stationary] == ["minimum" if low > 0 else "maximum" if high < 0 else "saddle"]
    assert picture.stationary[0].place == pytest.approx((a, b), abs=1e-6)


def test_a_valley_of_equal_minima_is_a_row_of_points_and_a_plain_has_none():
    w = sg.parameter("w", 2)
    valley = sg.landscape((w[0] * w[1] - 1) ** 2, (w[0], w[1]), limits=((0.3, 3), (0.3, 3)))
    assert len(valley.stationary) > 10 and {s.kind for s in valley.stationary} == {"degenerate"}
    assert all(math.prod(s.place) == pytest.approx(1, abs=1e-4) for s in valley.stationary)
    assert sg.landscape(sg.floor(p) + sg.floor(q), (p, q)).stationary == ()


@pytest.mark.parametrize(("loss", "kind", "place"), [
    (sg.abs(p) + 2 * sg.abs(q - 1) + p * q / 4, "minimum", (0, 1)),
    (-sg.abs(p) - q**2, "maximum", (0, 0)),
    ((p - 2) ** 2 + (q - 0.3) ** 2 + sg.abs(p) + sg.abs(q), "minimum", (1.5, 0)),  # a lasso: one entry is zero
    (sg.maximum(p + q**2, q**2 - p), "minimum", (0, 0)),
])
def test_minima_and_maxima_at_kinks(loss, kind, place):
    picture = sg.landscape(loss, (p, q), limits=((-3.1, 3), (-3.2, 3)))
    assert [s.kind for s in picture.stationary] == [kind]
    assert picture.stationary[0].place == pytest.approx(place, abs=1e-5)


def test_a_lattice_of_points_is_found_whole():
    wave = 20 + p**2 + q**2 - 10 * (sg.cos(2 * np.pi * p) + sg.cos(2 * np.pi * q))
    found = [s.kind for s in sg.landscape(wave, ("p", "q"), {"p": (-2.2, 2.2), "q": (-2.2, 2.2)}).stationary]
    assert {kind: found.count(kind) for kind in set(found)} == {"minimum": 25, "maximum": 16, "saddle": 40}


def test_a_constant_is_drawn_too():
    picture = sg.landscape(sg.floor(p / 100) + sg.floor(q / 100), (p, q), limits=((1, 2), (1, 2)))
    assert picture.stationary == () and "0" in texts(picture)
    ElementTree.fromstring(picture.svg)


def test_where_there_is_no_value_the_picture_is_blank():
    picture = sg.landscape(sg.log(p) + 1 / p + q**2, (p, q), limits=((-1, 4), (-2, 2)))
    assert np.isnan(picture.losses[:, picture.x <= 0]).all() and np.isfinite(picture.losses[:, picture.x > 0.1]).all()
    assert [s.place for s in picture.stationary] == [pytest.approx((1, 0), abs=1e-6)]
    ground = re.search(r'<g transform="scale\(0.1\)" fill-rule="evenodd">\n<path d="M(-?\d+)', picture.svg)
    assert int(ground[1]) > 700  # tenths of a point: a fifth of the frame is paper
    with pytest.raises(sg.DataError, match="finite nowhere for p from -3 to -1 and q from -2 to 2; limits= moves the range"):
        sg.landscape(sg.log(p) + q**2, (p, q), limits=((-3, -1), (-2, 2)))


def test_facts_leave_the_forbidden_part_blank():
    s = sg.parameter("s", positive=True)
    picture = sg.landscape(sg.log(s) + q**2 / s**2 + 1 / s, (s, q), limits=((-1, 2), (-1, 1)))
    assert np.isnan(picture.losses[:, picture.x <= 0]).all()


@pytest.mark.parametrize("loss", [HIMMELBLAU, ROSENBROCK, sg.sin(3 * p) * sg.cos(2 * q) + p**2 / 10,
                                  sg.abs(p) + sg.abs(q - 1), sg.floor(p) + sg.floor(q), 1e9 * p**2 + q**4, 1e-9 * p * q,
                                  sg.sin(sg.exp(p) * (2 * q + 1)), sg.exp(p * q * 50) + sg.log(p**2), 1 / (p * q)])
def test_the_picture_is_small_and_valid(loss):
    picture = sg.landscape(loss, (p, q), histories={"a": path((-4, 4), (0, 0), (1, 1)), "b": path(*np.random.default_rng(
        0).uniform(-4, 4, (3000, 2)))})
    root = ElementTree.fromstring(picture.svg)
    assert len(picture.svg.encode()) < 400_000
    width, height = float(root.get("width")), float(root.get("height"))
    assert width < 1000 and height < 600
    assert not re.search(r"\bnan\b|\binf\b", picture.svg)


def test_several_paths_with_their_names_and_the_range_that_holds_them():
    far = path((0, 0), (1, 0.5), (1e9, -1e12))  # it runs away, and does not set the scale
    picture = sg.landscape(HIMMELBLAU, (p, q), histories={"steady": path((-2, 1), (-2.5, 3), (-2.8, 3.1)), "away": far})
    assert {"steady", "away"} <= set(texts(picture))
    assert picture.words.endswith("the paths of steady, away")
    assert -4 < picture.x[0] < -2.8 and 1 < picture.x[-1] < 3 and 3.1 < picture.y[-1] < 5
    alone = sg.landscape(HIMMELBLAU, (p, q), histories=[path((0, 0), (1, 1)), np.array([[2.0, 0.0], [3.0, 2.0]])])
    assert {"1", "2"} <= set(texts(alone)) and alone.x[-1] > 3
    rejected = sg.History({"loss": [1.0, 9.0, 0.5], "accepted": [True, False, True]})
    rejected.x = path((0, 0), (50, 50), (1, 1))
    assert sg.landscape(HIMMELBLAU, (p, q), histories=rejected).x[-1] < 2


def test_values_of_an_axis_may_be_its_range():
    picture = sg.landscape(HIMMELBLAU, (p, q), {"p": (-3, 3), "q": np.linspace(0, 4, 9)})
    assert (picture.x[0], picture.x[-1], picture.y[0], picture.y[-1]) == (-3, 3, 0, 4)
    assert sg.landscape(HIMMELBLAU, (p, q), ((-3, 3), (0, 4))).words == picture.words
    around = sg.landscape(HIMMELBLAU, (p, q), {"p": 100.0, "q": 0.0})
    assert around.x[0] < 100 < around.x[-1] and around.y[0] < 0 < around.y[-1]


def logistic():
    n, d = sg.dims("n d")
    X, t, w = sg.data("X", (n, d)), sg.data("t", n), sg.parameter("w", d)
    rng = np.random.default_rng(0)
    points = rng.standard_normal((60, 3))
    data = {"X": points, "t": (points @ [1, -2, 0.5] + rng.standard_normal(60) > 0) * 1.0}
    return sg.mean(sg.softplus(X @ w) - t * (X @ w)), w, data


def test_entries_of_a_parameter_and_directions_show_the_loss_that_the_formula_gives():
    loss, w, data = logistic()
    at = np.array([0.5, -1.0, 0.25])
    section = sg.landscape(loss, (w[2], w[0]), {"w": at}, data)
    i, j = 20, 70
    assert section.x[0] < 0.25 < section.x[-1] and section.y[0] < 0.5 < section.y[-1]
    assert section.losses[i, j] == pytest.approx(loss.eval(**data, w=[section.y[i], -1.0, section.x[j]]))
    u, v = np.array([1.0, 1, 0]), np.array([0.0, 1, -1])
    plane = sg.landscape(loss, ({"w": u}, {w: v}), {"w": at}, data, histories={"a": [{"w": at + u / 2}, {"w": at - v / 2}]})
    assert plane.losses[i, j] == pytest.approx(loss.eval(**data, w=at + plane.x[j] * u + plane.y[i] * v))
    assert "first direction" in texts(plane) and plane.x[0] < 0 < 0.5 < plane.x[-1] and plane.y[0] < -0.5
    assert len(plane.stationary) <= 1


def test_all_parameters_of_a_network_over_samples():
    T = sg.dim("T")
    x, y = sg.data("x", 2, over=T), sg.data("y", 1, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(2, 4), sg.nn.Tanh(), sg.nn.Linear(4, 1))
    loss = sg.empirical_risk(sg.losses.squared_error(net(x), y))
    rng = np.random.default_rng(0)
    model = sg.Model(loss, dtype="float64")
    values = dict(model.parameters)
    ways = [{name: rng.standard_normal(a.shape) for name, a in values.items()} for _ in range(2)]
    data = {"x": rng.standard_normal((20, 2)), "y": rng.standard_normal((20, 1))}
    picture = sg.landscape(loss, ways, values, data, view="contour", resolution=21)
    moved = {name: a + picture.x[3] * ways[0][name] + picture.y[5] * ways[1][name] for name, a in values.items()}
    model.parameters.update(moved)
    assert picture.losses[5, 3] == pytest.approx(model.evaluate(data)["loss"])


def test_paths_move_without_a_script_and_rest_for_who_wants_that():
    picture = sg.landscape(HIMMELBLAU, (p, q), histories={"a": path((0, 0), (1, 1), (3, 2))}, animate=True, view="contour")
    (name,) = re.findall(r"@keyframes (\w+)-path0", picture.svg)
    assert f"@media (prefers-reduced-motion:no-preference){{.{name}-path0{{" in picture.svg and "<script" not in picture.svg
    assert picture.png().startswith(b"\x89PNG") and "keyframes" not in picture.plain()


def test_views_scales_and_titles():
    both = sg.landscape(ROSENBROCK, (p, q), title="Rosenbrock & <co>")
    assert "Rosenbrock & <co>" in texts(both)
    flat, solid = (sg.landscape(ROSENBROCK, (p, q), view=view) for view in ("contour", "surface"))
    assert len(flat.svg) < len(both.svg) > len(solid.svg)
    linear = sg.landscape(ROSENBROCK, (p, q), scale="linear", view="contour")
    assert {"20000", "40000"} <= set(texts(linear)) and "1000" in texts(flat)


def refusals():
    w = sg.parameter("w", 3)
    loss, v, data = logistic()
    one = {"v": np.zeros(3)}
    return [
        (lambda: sg.landscape(HIMMELBLAU, p), "the axes are a pair: give two scalar parameters"),
        (lambda: sg.landscape(sg.sum(w**2) + p, (w, p)), r"the axis w has shape \(3,\), not one entry; take one, such as w\[0\]"),
        (lambda: sg.landscape(HIMMELBLAU, ("p", "r")), "the loss has no symbol 'r'; its symbols are p, q"),
        (lambda: sg.landscape(HIMMELBLAU, (p, p)), "both axes are p; give two different ones"),
        (lambda: sg.landscape(p**2, (p, q)), "the loss does not depend on q; it depends on p"),
        (lambda: sg.landscape(HIMMELBLAU, (p, p + q)), "the axis p \\+ q is neither a real symbol nor an entry"),
        (lambda: sg.landscape(HIMMELBLAU, (p, {"q": 1.0})), "one axis is a direction and the other a tensor"),
        (lambda: sg.landscape(w**2, (w[0], w[1])), "not a scalar; close it with sg.sum or sg.mean"),
        (lambda: sg.landscape(sg.sum(w**2), (w[0], w[1])), r"values must hold 'w' of shape \(3,\): its other entries stay"),
        (lambda: sg.landscape(loss, (v[0], v[1]), {"w": np.zeros(3)}, {"X": data["X"]}), "no value for 't'"),
        (lambda: sg.landscape(loss, (one, one), {"w": np.zeros(3)}, data), "direction 1 names 'v', which is no symbol"),
        (lambda: sg.landscape(loss, ({"w": [1, 2, 3]}, {"w": [2, 4, 6]}), {"w": np.zeros(3)}, data), "directions are parallel"),
        (lambda: sg.landscape(loss, ({"w": [1, 2, 3]}, {"w": [0, 0, 0]}), {"w": np.zeros(3)}, data), "direction 2 is zero"),
        (lambda: sg.landscape(loss, ({"w": [1, 2]}, {"w": [0, 1, 0]}), {"w": np.zeros(3)}, data),
         r"direction 1 has shape \(2,\) for 'w', whose value has shape \(3,\)"),
        (lambda: sg.landscape(loss, ({"w": [1, 2, 0]}, {"w": [0, 1, 0]}), {}, data), "values must hold 'w': the point from which"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), limits=((1, 1), (0, 1))), "the range of p, from 1 to 1, is empty"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), limits=((0, 1), (2, 1))), "the range of q, from 2 to 1, is empty"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), limits=((0, math.inf), (0, 1))), "from 0 to inf, is not finite"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), limits=3), "limits are two pairs"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), limits={"r": (0, 1)}), "limits name 'r'; the axes are p and q"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), {"p": (2, 2)}), "the range of p, from 2 to 2, is empty"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), histories={"SGD": []}), "the history 'SGD' has no point"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), histories={"SGD": [{"p": 1.0}]}), "point 0 of the history 'SGD' has no 'q'"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), histories={"SGD": sg.History({"loss": [1.0]})}), "keeps no iterates"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), histories={"SGD": np.zeros((4, 3))}), "'SGD' is none of these"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), histories={"SGD": [{"p": [1.0, 2.0], "q": 0}]}), r"has shape \(2,\) for 'p'"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), view="wide"), "view is 'wide'; one of both, contour, surface"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), scale="sqrt"), "scale is 'sqrt'; one of auto, linear, log"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), resolution=1), "resolution is the number of points on a side, from 3"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), path="picture.jpg"), "its suffix is '.jpg', one of .svg .png"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), path="nowhere/p.svg"), "there is no folder 'nowhere'"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), 5), "values are a dict from names to arrays, not int"),
        (lambda: sg.landscape(HIMMELBLAU, (p, q), {"p": "high"}), "the value of p is a number, or numbers that are its range"),
    ]


@pytest.mark.parametrize(("draw", "message"), refusals())
def test_what_is_refused(draw, message):
    with pytest.raises(sg.SymgradError, match=message):
        draw()
