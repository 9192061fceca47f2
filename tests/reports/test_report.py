"""The page about a model: whole, alone, the same every time, each formula linked to the line that computes it."""

import html
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from browser import Browser, missing
from click.testing import CliRunner
from places import environment

import symgrad as sg
from symgrad.reports.alike import alike
from symgrad.reports.highlighting import Link, highlighted
from symgrad.reports.measures import Confusion, confusion, gradient_norms
from symgrad.reports.page import embedded
from symgrad.reports.report import of_model
from symgrad.shell.cli import cli
from symgrad.training.dataset import Dataset
from symgrad.training.source import derivative_source, generate

T = sg.dim("T")
LEAST_SQUARES = ["sum((X @ w - y)**2)", "--shape", "X=n,d", "--shape", "w=d", "--shape", "y=n"]
rng = np.random.default_rng(0)
X = rng.standard_normal((90, 4))
Y = X[:, :3].argmax(axis=1)


def network(hidden=5):
    """Two layers with named values, a loss for labels, the logits."""
    x, y = sg.data("x^0", 4, over=T), sg.labels("y", 3, over=T)
    W1, b1 = sg.parameter("W1", (hidden, 4)), sg.parameter("b1", hidden)
    W2, b2 = sg.parameter("W2", (3, hidden)), sg.parameter("b2", 3)
    a2 = W2 @ sg.tanh((W1 @ x + b1).named("a^1")).named("x^1") + b2
    return sg.losses.cross_entropy(a2, y), a2


def fitted(epochs=6, **options):
    loss, predict = network()
    model = sg.Model(loss, predict=predict, seed=3)
    options = {"validation": 0.2, "metrics": "accuracy", **options}
    model.fit({"x^0": X, "y": Y}, sg.optim.Adam(0.05), epochs=epochs, batch_size=16, progress=False, **options)
    return model


class Page(HTMLParser):
    """What a test asks of a page: its elements, the text of each, ids, links."""

    VOID = ("meta", "link", "br", "hr", "img", "input")

    def __init__(self, text):
        super().__init__()
        self.text, self.stack, self.elements = text, [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "inside": list(self.stack), "text": ""}
        assert len(attrs) == len(element["attrs"]), f"an attribute twice: {attrs}"
        self.elements.append(element)
        if tag not in self.VOID:
            self.stack.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append({"tag": tag, "attrs": dict(attrs), "inside": list(self.stack), "text": ""})

    def handle_endtag(self, tag):
        assert self.stack and self.stack[-1]["tag"] == tag, f"</{tag}> in {[e['tag'] for e in self.stack]}"
        self.stack.pop()

    def handle_data(self, data):
        for element in self.stack:
            element["text"] += data

    def all(self, tag=None, name=None):
        """Elements of a tag and a class."""
        return [e for e in self.elements if (tag is None or e["tag"] == tag)
                and (name is None or name in (e["attrs"].get("class") or "").split())]

    def within(self, id):
        """The elements inside the one with this id."""
        return [e for e in self.elements if any(o["attrs"].get("id") == id for o in e["inside"])]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model, the place of its page, the page."""
    model = fitted()
    path = model.report(tmp_path_factory.mktemp("page") / "page.html", title="Three <classes> & more")
    return model, path, Page(path.read_text(encoding="utf-8"))


# formulas and lines -----------------------------------------------------------------------------------------


def lecture(sizes):
    """The lecture's net: four layers x^i = tanh(a^i), squared loss; and its variables."""
    x, y = sg.data("x^0", sizes[0], over=T), sg.data("y", sizes[-1], over=T)
    wrt = []
    for i in range(1, 5):
        W, b = sg.parameter(f"W^{i}", (sizes[i], sizes[i - 1])), sg.parameter(f"b^{i}", sizes[i])
        x = sg.tanh((W @ x + b).named(f"a^{i}")).named(f"x^{i}")
        wrt += [b, W]
    return sg.empirical_risk(sg.losses.squared_error(x, y)), wrt


def by_hand(W, b, x, y):
    """Forward and backward of the lecture's net, written by hand: every value and gradient of the mean, by name."""
    found = {"x^0": x}
    for i in range(1, 5):
        found[f"a^{i}"] = x @ W[i].T + b[i]
        found[f"x^{i}"] = x = np.tanh(found[f"a^{i}"])
    found["r"] = np.sum((x - y) ** 2) / len(y)
    g = 2 * (x - y) / len(y)
    for i in range(4, 0, -1):
        found[f"G_{{x^{i}}}"] = g
        found[f"G_{{a^{i}}}"] = g = g / np.cosh(found[f"a^{i}"]) ** 2
        found[f"G_{{b^{i}}}"], found[f"G_{{W^{i}}}"] = g.sum(axis=0), np.einsum("ti,tj->ij", g, found[f"x^{i - 1}"])
        g = g @ W[i]
    found["G_{x^0}"] = g
    return found


def traced(module, function, arguments, lines):
    """Call a function; for each of `lines`, (first, last, variable): the variable once these lines have run."""
    seen, before = {}, []

    def look(frame, event, _):
        if frame.f_code.co_name != function:
            return look
        for first, last, target in before:
            seen[first, last, target] = np.array(frame.f_locals[target])
        here = frame.f_lineno
        before[:] = [line for line in lines if line[0] <= here <= line[1]]
        return look

    sys.settrace(look)
    try:
        getattr(module, function)(*arguments)
    finally:
        sys.settrace(None)
    return seen


@pytest.mark.parametrize("whole", [True, False], ids=["by all", "by the parameters"])
def test_the_lines_of_the_lecture_net_compute_its_steps(whole):
    """Each forward and backward step links to a line, and what the line computes is what is computed by hand."""
    sizes = [3, 5, 4, 6, 2]
    loss, wrt = lecture(sizes)
    x = next(v for v in sg.derive(loss, wrt).graph if v.name == "x^0")
    derivation = sg.derive(loss, [sg.data("x^0", 3, over=T), *wrt] if whole else wrt)
    assert x.kind == "data" and len(derivation.steps) == 27 - (not whole)
    source = derivative_source(loss, derivation.wrt) if whole else generate(loss, dtype="float64")
    module = source.load()
    W = {i: rng.standard_normal((sizes[i], sizes[i - 1])) for i in range(1, 5)}
    b = {i: rng.standard_normal(sizes[i]) for i in range(1, 5)}
    x0, y = rng.standard_normal((7, 3)), rng.standard_normal((7, 2))
    values = {"x0": x0, "y": y, **{f"W{i}": W[i] for i in W}, **{f"b{i}": b[i] for i in b}}
    hand = by_hand(W, b, x0, y)
    for function in ["backward"] if whole else ["forward", "backward"]:
        code = getattr(module, function).__wrapped__.__code__
        arguments = [values[name] for name in code.co_varnames[:code.co_argcount]]
        mine = [line for line in source.lines if line.function == function]
        seen = traced(module, function, arguments, [(line.first, line.last, line.target) for line in mine])
        checked = 0
        for step in derivation.steps:
            if step.kind == "mean" or (function == "forward" and step.kind == "backward"):
                continue
            kind = "loss" if step.box.kind == "output" and step.kind == "forward" else step.kind
            (line,) = [each for each in mine if each.kind == kind and (kind == "loss" or each.node is step.box.node)]
            np.testing.assert_allclose(seen[line.first, line.last, line.target], hand[step.name], rtol=1e-10)
            assert line.target in source.text.split("\n")[line.last - 1]
            checked += 1
        assert checked == (9 if function == "forward" else 26 - (not whole))


def zoo():
    """Losses of different kinds by name."""
    n, d = sg.dims("n d")
    A, b, w = sg.data("A", (n, d)), sg.data("b", n), sg.parameter("w", d)
    net = sg.nn.Sequential(sg.nn.Linear(4, 6), sg.nn.GELU(), sg.nn.Linear(6, 3))
    x, y, V, Q = sg.data("x", 4, over=T), sg.labels("y", 3, over=T), sg.parameter("V", (4, 4)), sg.parameter("Q", (5, 4))
    return {
        "least squares": sg.sum((A @ w - b) ** 2),
        "logistic": sg.sum(sg.softplus(A @ w) - b * (A @ w)),
        "cross-entropy": network()[0],
        "gelu": sg.losses.cross_entropy(net(x), y),
        "shared weights": sg.mean(sg.sum(sg.tanh(V @ sg.tanh(V @ x)) ** 2), over=T),
        "attention": sg.sum((sg.softmax(Q @ sg.data("K", (7, 4)).T) @ sg.data("U", (7, 2))) ** 2),
    }


ZOO = zoo()


@pytest.mark.parametrize("name, loss", ZOO.items(), ids=ZOO)
def test_every_step_has_a_line_unless_it_is_a_constant(name, loss):
    source = generate(loss)
    computed = {(line.kind, line.node) for line in source.lines}
    for step in sg.derive(loss).steps:
        if step.kind != "mean" and step.box.kind != "output" and (step.kind, step.box.node) not in computed:
            inside = step.box.name in ("S", "M", "A") and name == "attention"  # parts of one softmax are one line
            assert inside or step.kind == "backward" and re.fullmatch(r"G_\S+ = -?1", step.formula), f"{name}: {step}"
    for line in source.lines:
        assert 1 <= line.first <= line.last <= source.text.count("\n")


def test_every_formula_leads_to_its_line_and_back(trained):
    model, _, page = trained
    derivation = sg.derive(model.loss)
    for step in derivation.steps:
        inside = page.within(f"step-{step.number}")
        links = [e["attrs"]["href"] for e in inside if e["tag"] == "a" and e["attrs"]["href"].startswith("#line-")]
        assert links, step
        for link in links:
            back = [e["attrs"]["href"] for e in page.within(link[1:]) if e["tag"] == "a"]
            if step.kind == "mean":  # its lines are those of the gradients that it averages
                assert {int(each.removeprefix("#step-")) for each in back} <= {s.number for s in step.steps}
            else:
                assert back == [f"#step-{step.number}"], step
    rows = [e for e in page.elements if (e["attrs"].get("id") or "").startswith("update-")]
    assert len(rows) == 3  # the formulas of Adam are three computations: the corrections are part of the last
    leading = [e for e in page.all("a") if e["text"].startswith("update") and any(o["tag"] == "tr" for o in e["inside"])]
    assert len(leading) == 5
    for row in rows:
        (link,) = [e["attrs"]["href"] for e in page.within(row["attrs"]["id"]) if e["tag"] == "a"]
        assert [e["attrs"]["href"] for e in page.within(link[1:]) if e["tag"] == "a"] == [f"#{row['attrs']['id']}"]


def test_what_training_does_not_need_has_a_listing_of_its_own(tmp_path):
    model = tmp_path / "model.py"
    model.write_text("import symgrad as sg\nT = sg.dim('T')\nx, w = sg.data('x', 2, over=T), sg.parameter('w', 2)\n"
                     "loss = sg.mean((w @ x) ** 2, over=T)\nwrt = [w, x]\n", encoding="utf-8")
    result = CliRunner().invoke(cli, ["report", str(model), "-o", str(tmp_path / "p.html")])
    assert result.exit_code == 0, result.output
    page = Page((tmp_path / "p.html").read_text(encoding="utf-8"))
    links = [e["attrs"]["href"] for e in page.all("a")]
    assert any(link.startswith("#more-line-") for link in links)
    for number in range(1, 5):
        inside = [e["attrs"]["href"] for e in page.within(f"step-{number}") if e["tag"] == "a"]
        assert any("line-" in link for link in inside), number


def test_the_source_on_the_page_is_the_source(trained):
    model, _, page = trained
    (code,) = page.all("code")
    title = page.all("h1")[0]["text"]
    assert code["text"] == generate(*network(), sg.optim.Adam(0.05), title=title).text


def test_a_model_without_a_title_is_called_by_its_parameters_as_formulas_show_them(tmp_path):
    outputs, (h, _) = sg.nn.LSTM(3, 2)(sg.data("x", (5, 3), over=T))
    model = sg.Model(sg.empirical_risk(sg.sum(sg.nn.Linear(2, 1)(h[0])**2)))
    page = Page(model.report(tmp_path / "page.html").read_text())
    assert page.all("h1")[0]["text"] == "A model with the parameters W_ih, b_ih, b_hh, W_hh, W, b"
    assert "weight_ih_l0" not in page.all("title")[0]["text"]
    assert "Without lines" not in page.text  # the program takes a product out of the loop: the recurrence is its line still
    for number in range(1, 13):
        assert any("line-" in e["attrs"]["href"] for e in page.within(f"step-{number}") if e["tag"] == "a"), number


def test_a_line_is_linked_to_the_one_value_that_it_computes():
    x, w, v = sg.data("x", 3), sg.parameter("w", 3), sg.parameter("v", 3)
    a = sg.tanh(w * x).named("a")
    derivation = sg.derive(sg.sum(sg.exp(a) * v))
    (box,) = [box for box in derivation.graph if box.name == "a"]
    e = sg.exp(2 * w * x)
    other, wrong, constant = (e - 1) / (e + 1), sg.sin(w * x), 0 * w + 1
    assert alike(derivation, [other.node, wrong.node, constant.node, sg.data("z", 3).node]) == {other.node: box.node}
    assert alike(derivation, [other.node, (1 - 2 / (e + 1)).node]) == {}  # which of them is it?
    assert alike(derivation, [box.node, other.node]) == {}


def test_what_is_frozen_has_no_steps_in_a_report():
    x = sg.data("x", 4, over=T)
    made, judge = sg.nn.Linear(4, 2), sg.nn.Linear(2, 1)
    judge.freeze()
    model = sg.Model(sg.empirical_risk(sg.sum(sg.softplus(-judge(sg.tanh(made(x)))))))
    assert {t.node for t in of_model(model).wrt} == {made.W.node, made.b.node}


@pytest.mark.parametrize("text", [
    "a = 1\n", "a = '''x\n  y\n'''  # <b> & \"c\"\n\n\nb = a  # c", "# x\n# y\ndef f():\n\treturn 'ü'\n", ""])
def test_highlighting_keeps_every_character(text):
    shown = highlighted(text, [Link(1, min(2, text.count("\n")), "#a", 'so "it" is')] if text else [])
    assert html.unescape(re.sub(r"<[^>]+>", "", shown)).rstrip("\n") == text.rstrip("\n")


# the page ---------------------------------------------------------------------------------------------------


def sections(page):
    return [e["attrs"].get("id") for e in page.all("h2")]


def test_ids_are_unique_and_links_lead_somewhere(trained):
    _, _, page = trained
    ids = [e["attrs"]["id"] for e in page.elements if "id" in e["attrs"]]
    assert len(ids) == len(set(ids)) > 300
    for element in page.elements:
        for name in ("href", "aria-labelledby", "aria-describedby"):
            for link in element["attrs"].get(name, "").split():
                assert link == "data:," or link.removeprefix("#") in ids, link


def test_the_page_asks_for_nothing_and_runs_nothing(trained):
    _, _, page = trained
    assert page.all("script") == page.all("img") == page.all("iframe") == []
    for element in page.elements:
        for name, value in element["attrs"].items():
            assert not name.startswith("on"), name
            if name in ("src", "href", "xlink:href"):
                assert value.startswith(("#", "data:")), value
    for sheet in page.all("style"):
        assert "@import" not in sheet["text"] and "url(" not in sheet["text"]
    assert "default-src 'none'" in page.text


def test_what_is_written_by_people_is_escaped(trained):
    _, _, page = trained
    assert page.all("h1")[0]["text"] == page.all("title")[0]["text"] == "Three <classes> & more"
    assert "<classes>" not in page.text


def test_the_page_can_be_read_without_eyes(trained):
    _, _, page = trained
    assert page.all("html")[0]["attrs"]["lang"] == "en"
    levels = [int(e["tag"][1]) for e in page.elements if re.fullmatch("h[1-6]", e["tag"])]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    texts = {e["attrs"]["id"]: e["text"] for e in page.elements if "id" in e["attrs"]}
    for picture in page.all("svg"):
        named = " ".join(texts[each] for each in picture["attrs"].get("aria-labelledby", "").split())
        assert picture["attrs"].get("role") and len(picture["attrs"].get("aria-label", named)) > 20
    for formula in page.all("math"):
        position = page.elements.index(formula)
        inside = [e for e in page.elements[position:position + 600] if formula in e["inside"]]
        assert any(e["tag"] == "annotation" and e["text"] for e in inside), formula
    for table in page.all("table"):
        heads = [e for e in page.elements if e["tag"] == "th" and table in e["inside"]]
        assert heads
        if "derivation" not in (table["attrs"].get("class") or ""):
            assert all(e["attrs"].get("scope") for e in heads)
    for box in page.all(name="scroll"):
        assert "tabindex" in box["attrs"] or not any(box in e["inside"] and e["tag"] == "svg" for e in page.elements)


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return sum(w * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
               for w, c in zip((0.2126, 0.7152, 0.0722), parts))


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_texts_stand_out(trained, mode):
    _, _, page = trained
    blocks = re.findall(r":root \{(.*?)\}", page.all("style")[0]["text"], re.S)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[mode]))
    texts = "ink muted link back keyword string number name builtin".split()
    for ground in ("paper", "panel", "mark"):
        for text in texts if ground != "mark" else ["ink"]:
            a, b = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (b + 0.05) / (a + 0.05) >= 4.5, (text, ground)


def test_what_a_training_brought(trained):
    model, _, page = trained
    assert [s for s in sections(page) if s] == "contents model drawing derivation training program versions".split()
    words = page.all("main")[0]["text"]
    matrix = confusion(model, model.fitted.held)
    assert f"{matrix.right} of {matrix.total} are answered right on the validation data" in words
    assert "18 to validate" in words and "72 to train on" in words and "seed3" in words.replace("\n", "")
    cells = [[e["text"] for e in page.elements if e["tag"] == "td" and row in e["inside"]][:3]
             for row in page.all("tr") if any("confusion" in (o["attrs"].get("class") or "") for o in row["inside"])
             and any(o["tag"] == "tbody" for o in row["inside"])]
    assert [[0 if c == "·" else int(c) for c in row] for row in cells] == matrix.counts.tolist()
    assert len(page.all("svg", "sg-curves")) == 2 and len(page.all("svg", "sg-bundle")) == 1
    assert len(page.all(name="bar")) == 4


def test_an_untrained_model_says_so_once(tmp_path):
    loss, predict = network()
    page = Page(sg.Model(loss, predict=predict).report(tmp_path / "p.html").read_text(encoding="utf-8"))
    assert page.text.count("has not been trained") == 1
    assert "training" not in sections(page) and not page.all(name="confusion") and not page.all(name="sg-curves")


def test_a_regression_has_no_confusion_matrix(tmp_path):
    x, y, w = sg.data("x", 4, over=T), sg.data("y", over=T), sg.parameter("w", 4)
    model = sg.Model(sg.losses.squared_error(w @ x, y), predict=w @ x)
    model.fit({"x": X, "y": X[:, 0]}, epochs=2, progress=False)
    page = Page(model.report(tmp_path / "p.html").read_text(encoding="utf-8"))
    assert "training" in sections(page) and not page.all(name="confusion")
    assert "on what it was trained on, 90 samples" in page.text


def test_the_same_model_gives_the_same_bytes(trained, tmp_path):
    _, path, _ = trained
    again = fitted().report(tmp_path / "again.html", title="Three <classes> & more")
    assert again.read_bytes() == path.read_bytes()


def test_the_page_does_not_depend_on_the_session(tmp_path):
    words = ["report", *LEAST_SQUARES, "--wrt", "w", "-o"]
    subprocess.run([sys.executable, "-m", "symgrad", *words, "p.html"], cwd=tmp_path, check=True,
                   env=environment(PYTHONHASHSEED="2026"), capture_output=True)
    assert CliRunner().invoke(cli, [*words, str(tmp_path / "q.html")]).exit_code == 0
    assert (tmp_path / "p.html").read_bytes() == (tmp_path / "q.html").read_bytes()


def test_a_date_only_where_it_is_asked_for(trained, tmp_path, monkeypatch):
    model, _, page = trained
    assert not re.search(r"\b20\d\d-\d\d-\d\d\b", page.all("body")[0]["text"])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert of_model(model, date=True).date == "2023-11-14"
    assert of_model(model, date="May").date == "May" and of_model(model).date == ""


# measures ---------------------------------------------------------------------------------------------------


def test_the_confusion_matrix_counts(trained):
    model, _, _ = trained
    found = confusion(model, model.fitted.held)
    arrays = model.fitted.held.arrays
    answers = model.predict({"x^0": arrays["x^0"]}).argmax(axis=1)
    for i in range(3):
        for j in range(3):
            assert found.counts[i, j] == np.sum((arrays["y"] == i) & (answers == j))
    known = Confusion("y", np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]]))
    assert (known.right, known.total) == (7, 10)
    assert known.recall == [3 / 4, 4 / 6, None] and known.precision == [3 / 5, 4 / 5, None]
    assert known.worst() == [(1, 0, 2), (0, 1, 1)]


def test_the_norms_are_those_of_the_gradients(trained):
    model, _, _ = trained
    part: Dataset = model.fitted.train
    count, norms = gradient_norms(model, part, 16)
    assert count == 16 and [norm.name for norm in norms] == ["W1", "b1", "W2", "b2"]
    values = {**{n: np.asarray(v, float) for n, v in model.parameters.items()}, "x^0": part.arrays["x^0"][:16],
              "y": part.arrays["y"][:16]}
    for norm in norms:
        flat = np.zeros(values[norm.name].size)
        for i in range(flat.size):  # central differences of the loss
            shift = np.zeros(flat.size)
            shift[i] = 1e-6
            shift = shift.reshape(values[norm.name].shape)
            ends = [model.loss.eval(**{**values, norm.name: values[norm.name] + s * shift}) for s in (1, -1)]
            flat[i] = (ends[0] - ends[1]) / 2e-6
        assert norm.gradient == pytest.approx(np.linalg.norm(flat), rel=1e-4)
        assert norm.value == pytest.approx(np.linalg.norm(values[norm.name]))


def test_the_history_keeps_the_norms_of_each_epoch(trained):
    model, _, _ = trained
    norms = model.fitted.history.norms
    assert set(norms) == {"W1", "b1", "W2", "b2"} and all(len(v) == 6 and min(v) > 0 for v in norms.values())


# errors and the command -------------------------------------------------------------------------------------


def test_places_that_cannot_be_written(trained, tmp_path):
    model, _, _ = trained
    with pytest.raises(sg.SymgradError, match="that is a folder"):
        model.report(tmp_path)
    with pytest.raises(sg.SymgradError, match="there is no folder"):
        model.report(tmp_path / "none" / "p.html")
    with pytest.raises(sg.DataError, match="no array for 'y'"):
        model.report(tmp_path / "p.html", data={"x^0": X})
    assert list(tmp_path.iterdir()) == []


MODEL = """'''Three classes'''
import numpy as np
import symgrad as sg
T = sg.dim("T")
x, y = sg.data("x", 4, over=T), sg.labels("y", 3, over=T)
W = sg.parameter("W", (3, 4))
predict, metrics = W @ x, "accuracy"
loss = sg.losses.cross_entropy(predict, y)
X = np.random.default_rng(0).standard_normal((60, 4))
data, test_data = ({"x": part, "y": part[:, :3].argmax(1)} for part in (X[:40], X[40:]))
epochs = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "three.py").write_text(MODEL, encoding="utf-8")
    return tmp_path


def call(*words):
    return CliRunner().invoke(cli, ["report", *map(str, words)])


def test_the_command_trains_and_writes(here, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    result = call("three.py", "--epochs", 2, "--date")
    assert result.exit_code == 0, result.output
    assert result.stdout == "Wrote three.html\n" and "epoch 2/2" in result.stderr
    text = (here / "three.html").read_text(encoding="utf-8")
    assert "accuracy on the test data" in text and "Three classes" in text and "2023-11-14" in text
    assert sorted(path.name for path in here.iterdir()) == ["three.html", "three.py"]
    quiet = call("three.py", "--no-train", "-q", "-o", "page.html")
    assert quiet.exit_code == 0 and quiet.stderr == "" and "has not been trained" in (here / "page.html").read_text("utf-8")


def test_a_formula_gives_the_page_without_a_training(here):
    result = call(*LEAST_SQUARES, "-o", "p.html")
    assert result.exit_code == 0, result.output
    text = (here / "p.html").read_text(encoding="utf-8")
    assert "Nothing is trained here" in text and "There is no program that trains: the loss has no parameter" in text
    assert "<h2 id=\"program\">" in text and "#line-" in text


@pytest.mark.parametrize("words, said", [
    (["none.py"], "there is no file"),
    (["three.py", "-o", "."], "that is a folder"),
    (["three.py", "-o", "none/p.html"], "there is no folder"),
    (["empty.py"], "defines no `loss`"),
    (["three.py", "--shape", "x=3"], "--shape is for a formula"),
    (["sum(q)/m"], "m: a size that no name has; declare it with --shape"),
    (["X @ w", "--shape", "X=n,d", "--shape", "w=d"], "not a scalar"),
    (["three.py", "--epochs", "0"], "--epochs"),
    (["nan.py"], "NaN"),
])
def test_bad_input_is_one_message(here, words, said):
    (here / "empty.py").write_text("x = 1\n", encoding="utf-8")
    (here / "nan.py").write_text(MODEL + "data['x'][2, 1] = np.nan\n", encoding="utf-8")
    result = call(*words)
    assert result.exit_code == 2 and result.stdout == ""
    assert said in result.stderr and "Traceback" not in result.stderr
    assert len(re.findall("(?m)^Error: ", result.stderr)) == 1
    assert not list(here.glob("*.html"))


def test_a_step_that_does_not_hold_is_exit_status_1(here, monkeypatch):
    class Failing:
        rows = ()

        def __bool__(self):
            return False

        def __str__(self):
            return "1 of 1 steps fail:"

    monkeypatch.setattr("symgrad.derivations.proof.check", lambda self, seed=0: Failing())
    result = call("three.py", "--no-train")
    assert result.exit_code == 1 and "does not hold: 1 of 1 steps fail" in result.stdout
    assert (here / "three.html").exists()


# in a browser -----------------------------------------------------------------------------------------------


def test_drawings_beside_each_other_keep_their_ids_apart():
    svg = sg.draw(sg.derive(network()[0])).svg
    one, two = embedded(svg, "a-"), embedded(svg, "b-")
    ids = re.findall(r'\bid="([^"]+)"', one + two)
    assert len(ids) == len(set(ids)) > 10
    for text in (one, two):
        own = set(re.findall(r'\bid="([^"]+)"', text))
        used = [link for link in re.findall(r'href="#([^"]+)"', text) if not link.startswith("step-")]
        assert used and set(used) <= own


@pytest.mark.skipif(bool(missing()), reason=missing() or "there is a browser")
def test_the_page_in_a_browser(trained):
    """Light, dark and on a phone: nothing said, nothing asked for, nothing wider than the screen."""
    _, path, _ = trained
    with Browser() as browser:
        for width, dark in ((1280, False), (1280, True), (390, False), (390, True)):
            page = browser.open(path, width=width, dark=dark)
            assert page.said == []
            assert page.asked == [path.resolve().as_uri()]
            assert page.value("document.documentElement.scrollWidth") <= width
            ground = page.value("getComputedStyle(document.body).backgroundColor")
            assert ground == ("rgb(15, 23, 42)" if dark else "rgb(255, 255, 255)")
            assert page.value("document.querySelectorAll('math').length") >= 50
            assert page.value("[...document.querySelectorAll('math')].every(m => m.getBoundingClientRect().width > 0 "
                              "|| m.closest('details:not([open])'))")
            assert page.value("[...document.querySelectorAll('svg')].every(s => s.closest('details:not([open])') "
                              "|| s.getBoundingClientRect().height > 100)")
