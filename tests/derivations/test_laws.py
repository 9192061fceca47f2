"""Every law that a derivation may print is proven: its text is read, in each style, and its numbers are those of differences."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.derivations import deriving, lawbook
from symgrad.derivations.lawbook import LawRow
from symgrad.derivations.laws import laws
from symgrad.derivations.text import slope_of
from symgrad.language.tensor import wrap
from symgrad.reading.vocabulary import public_functions
from tests.support import reference

K, STEP = 2, 1e-6
ROWS = {row.title: row for row in vars(lawbook).values() if isinstance(row, LawRow)}
SPECIAL = {"Held constant", "Entrywise function"}  # have tests of their own
DIGITS = {"k": 2, "n": 2, "m": 2, "d": 3}
# Of each law the shapes of its operands; what is whole numbers says up to where.
SHAPES = {
    "Sum": {"u": (3,), "v": (3,), "α": (), "β": ()}, "Sum of entries": {"x": (4,)}, "Mean": {"x": (4,)},
    "Trace": {"X": (3, 3)}, "Norm": {"x": (3,)}, "Linear system": {"A": (3, 3), "b": (3,)},
    "Dropout": {"m": (3,), "x": (3,)}, "Cases": {"x": (4,), "c": (4,), "k": ()},
    "Larger of two": {"u": (4,), "v": (4,)}, "Smaller of two": {"u": (4,), "v": (4,)},
    "Largest entry": {"x": (4,)}, "Smallest entry": {"x": (4,)},
    "Max pooling": {"x": (1, 4, 6)}, "Average pooling": {"x": (1, 4, 6)}, "Sum pooling": {"x": (1, 4, 6)}, "Upsampling": {"x": (1, 2, 3)},
    "Standardisation": {"x": (4,), "ε": ()}, "Scale and shift": {"γ": (3,), "z": (3,), "β": (3,)},
    "Reparametrisation": {"μ": (3,), "s": (3,), "ε": (3,)},
    "Picking an entry": {"x": (4,), "k": 4}, "Picking an entry of each row": {"X": (3, 4), "k": (3, 4)},
    "Picking a row": {"E": (4, 3), "k": 4}, "Embedding": {"E": (4, 3), "k": (5, 4)},
    "Picking entries": {"x": (4,), "k": (5, 4)}, "Sorting": {"x": (4,), "π": (4, 4)},
    "Adding up by index": {"X": (5, 3), "k": (5, 4)}, "Concatenation": {"u": (2,), "v": (3,)},
    "Slice": {"x": (4,)}, "Padding": {"x": (2,)}, "Reshape": {"x": (6,)}, "Flattening": {"X": (2, 3)},
    "Unflattening": {"x": (6,)}, "Heads": {"X": (5, 6)},
    "Heads joined": {"X": (2, 5, 3)}, "Attention": {"Q": (4, 3), "K": (5, 3), "V": (5, 2)},
    "Softmax of rows": {"X": (3, 4)}, "Log-sum-exp of rows": {"X": (3, 4)},
}
FORWARD = {"Standardisation": {"μ": "mean(x)", "s": "√(mean((x - mean(x)) ⊙ (x - mean(x))))"}}  # what is made of x too
# Letters of sizes, and what no formula can say, for the reader.
WRITTEN = [(r"\\operatorname\{(\w+)\}_\{[kh]\}", r"\\operatorname{\1}"), (r"(maxpool|unpool|avgpool|upsample|sumpool|split)_[kh]",
           r"\1"), (r"x = y\)", "x, y)"), (r"k²|k\^\{2\}", "4"), (r"/n\b", "/4"), (r"\{n\}", "{4}"), (r"\[i:j\]", "[1:3]"),
           (r"\[:n\]", "[:2]"), (r"\[n:\]", "[2:]"), (r"\(m, n\)", "(2, 3)"), (r"\(m n,\)", "(6,)"), (r"√d", "√3"),
           (r"\{d\}", "{3}"), (r"if c\b", "if c > 0"), (r"\\text\{if \} c\b", r"\\text{if } c > 0"),
           (r"\be_k\b", "hot(k)"), (r"e_\{k\}", r"\\operatorname{hot}(k)"), ("onehot", "hot"), ("unflatten", "shaped"), ("flatten", "entries"), (", s\\)", ")"), ("concat", "joined"),
           ("split", "halves"), (r"\bX²|\bX\^\{2\}", "X X")]


def functions(count):
    def up(x):
        return sg.upsample(x, scale_factor=K)

    def sumpool(x):
        return K * K * sg.avg_pool2d(x, K)

    def unpool(g, x, y):
        """What `Max pooling` says in words: to the largest of each window, shared by equal ones."""
        largest = sg.where(sg.equal(x, up(y)), 1.0, 0.0)
        return up(g / sumpool(largest)) * largest

    def split(x):
        return sg.transpose(sg.reshape(x, (x.shape[0], 2, x.shape[1] // 2)), (1, 0, 2))

    def concat(x):
        return sg.reshape(sg.transpose(x, (1, 0, 2)), (x.shape[1], x.shape[0] * x.shape[2]))

    return {**public_functions(), "maxpool": lambda x: sg.max_pool2d(x, K), "avgpool": lambda x: sg.avg_pool2d(x, K),
            "upsample": up, "sumpool": sumpool, "unpool": unpool, "halves": split, "joined": concat,
            "entries": lambda x: sg.reshape(x, 6), "shaped": lambda x: sg.reshape(x, (2, 3)),
            "hot": lambda k: sg.one_hot(k, count)}


def read(text, arrays, count):
    """The numbers of a formula."""
    for old, new in WRITTEN:
        text = re.sub(old, new, text)
    symbols = {name: sg.data(f"s_{i}", a.shape, dtype="integer" if a.dtype == int else "real")
               for i, (name, a) in enumerate(arrays.items())}
    tensor = sg.parse(text, functions=functions(count), **symbols)
    found = {symbols[name].node.attrs[0].name: array for name, array in arrays.items()}
    return np.asarray(reference.values([tensor.node], found, {})[0], float)


def holds(row, style, operands, count=0, more=None):
    """Are the gradients that a law prints those of its operation, by differences?"""
    rng = np.random.default_rng(3)
    operation, *formulas = row.texts(style)
    values = dict(operands)
    chain = []
    for made in re.split(r", (?=\w+ =)", operation)[::-1]:  # what is used is made before
        name, text = made.split(" = ", 1)
        text = name_of(text)

        def value(arrays, text=text):
            inner = {key: read(each, arrays, count) for key, each in (more or {}).items()}
            return read(text, {**arrays, **inner}, count)

        name = name_of(name)
        chain.append((name, value, dict(values)))
        values[name] = value(values)
        values[f"G_{name}"] = rng.normal(size=values[name].shape)
    values |= {key: read(each, values, count) for key, each in (more or {}).items()}
    assert formulas
    for formula in formulas:
        left, *rights = formula.split(" = ")
        if "x = y" in formula:
            left, right = formula.split(" = ", 1)
            rights = [right]
        x = name_of(re.fullmatch(r"G_\{?(.+?)\}?", left)[1])
        name, value, before = next((n, f, at) for n, f, at in chain if x in at and x in used(operation, n))
        wanted = np.zeros(values[x].shape)
        for place in np.ndindex(wanted.shape):
            up, down = ({**before, x: moved(values[x], place, by)} for by in (STEP, -STEP))
            wanted[place] = np.sum(values[f"G_{name}"] * (value(up) - value(down))) / (2 * STEP)
        for right in rights:
            zeros = {**values, "O": np.zeros(wanted.shape)}
            assert read(f"{name_of(right)} + O", zeros, count) == pytest.approx(wanted, rel=1e-4, abs=1e-6), formula
    return True


def used(operation, name):
    """The text that makes a value."""
    return next(each for each in re.split(r", (?=\w+ =)", name_of(operation)) if each.startswith(f"{name} ="))


def name_of(text):
    """Names as plain Unicode, so that both styles have the same."""
    for latex, plain in ((r"\hat{x}", "z"), ("x̂", "z"), (r"\gamma", "γ"), (r"\beta", "β"), (r"\alpha", "α"), (r"\mu", "μ"), (r"\pi", "π"),
                         (r"\varepsilon", "ε")):
        text = text.replace(latex, plain)
    return re.sub(r"G_\{(\ŵ?)\}", r"G_\1", text)


def moved(array, place, by):
    found = np.array(array)
    found[place] += by
    return found


def arrays_of(shapes):
    rng = np.random.default_rng(7)
    counts = [s if isinstance(s, int) else s[-1] for name, s in shapes.items() if name in ("k", "π") and s != ()]
    found = {}
    for name, shape in shapes.items():
        if name == "π":
            found[name] = rng.permutation(shape[0])
        elif name == "k" and shape != ():
            found[name] = np.array(rng.integers(0, counts[0], () if isinstance(shape, int) else shape[0]))
        else:
            found[name] = np.asarray(rng.normal(size=shape)) ** (2 if name in ("ε", "s") else 1)
    return found, (counts or [0])[0]


def test_every_law_written_down_has_its_proof():
    assert set(ROWS) == set(SHAPES) | SPECIAL


@pytest.mark.parametrize("style", ["unicode", "latex"])
@pytest.mark.parametrize("title", SHAPES)
def test_laws_written_down_hold(title, style):
    arrays, count = arrays_of(SHAPES[title])
    assert holds(ROWS[title], style, arrays, count, FORWARD.get(title))


@pytest.mark.parametrize("style", ["unicode", "latex"])
@pytest.mark.parametrize("operation", deriving.OPERATIONS)
def test_laws_of_operations_hold(operation, style):
    row = deriving.derived(operation)
    rank = deriving.OPERATIONS[operation][2]
    arrays = {"x" if rank == 1 else "X": np.random.default_rng(1).normal(size=(3,) * rank) + 2 * np.eye(3)[:, 0] * (rank == 2)}
    assert holds(row, style, arrays)


def test_a_product_with_itself_has_one_factor():
    assert deriving.product_law(((0, 1), (1, 2)), (0, 2), (0, 0)).unicode == ("Y = X X", "G_X = G_Y Xᵀ + Xᵀ G_Y")


LABELS = st.lists(st.integers(0, 2), max_size=2, unique=True).map(tuple)


@given(st.lists(LABELS, min_size=1, max_size=3), st.permutations(range(3)), st.integers(0, 2), st.sampled_from(["", "same", "ends"]))
def test_products_have_laws_in_their_own_form(factors, order, width, same):
    known = [x for x in order if any(x in labels for labels in factors)]
    who = tuple(range(len(factors)))
    if same == "same" and len({*map(len, factors)}) == 1:
        who = (0,) * len(factors)
    elif same == "ends" and len(factors) == 3 and len(factors[0]) == len(factors[2]):
        who = (0, 1, 0)
    row = deriving.product_law(tuple(factors), tuple(known[:width]), who)
    if row is None:
        return
    names = {re.fullmatch(r"G_(\w+)", f.split(" = ")[0])[1] for f in row.unicode[1:]}
    numbers = {"s", "t"} if "diag" not in row.unicode[0] else set()
    arrays, _ = arrays_of({name: () if name in numbers else (3,) * (1 + name.isupper()) for name in sorted(names)})
    for style in ("unicode", "latex"):
        assert holds(row, style, arrays)


@pytest.mark.parametrize("style", ["unicode", "latex"])
@pytest.mark.parametrize("x, w, out, shown", [
    ((0,), (1, 0), (1,), "a = W x + b"), ((0,), (0, 1), (1,), "a = Wᵀ x + b"), ((0,), (0,), (), "a = wᵀ x + b"),
    ((0, 1), (1,), (0,), "a = X w + b"), ((0, 1), (2, 1), (0, 2), "A = X Wᵀ + 1 bᵀ"), ((0, 1), (1, 2), (0, 2), "A = X W + 1 bᵀ"),
    ((0, 1), (2, 0), (2, 1), "A = W X + b 1ᵀ"), ((0, 1), (0, 2), (2, 1), "A = Wᵀ X + b 1ᵀ")])
def test_layers_have_laws_in_their_own_form(x, w, out, shown, style):
    row = deriving.layer_law(x, w, out, int(any(each in w for each in out)))
    assert row.unicode[0] == shown
    sizes = {0: 2, 1: 3, 2: 4}
    shapes = {"X" if len(x) == 2 else "x": x, "W" if len(w) == 2 else "w": w}
    bias = [each for each in out if each in w]
    arrays, _ = arrays_of({name: tuple(sizes[each] for each in labels) for name, labels in shapes.items()}
                          | {"b": (sizes[bias[-1]],) if bias else ()})
    assert holds(row, style, arrays)


@pytest.mark.parametrize("style", ["unicode", "latex"])
def test_the_law_of_functions_holds_for_each(style):
    row, rng = ROWS["Entrywise function"], np.random.default_rng(0)
    a, g = rng.normal(size=4), rng.normal(size=4)
    for name, f in (("tanh", np.tanh), ("exp", np.exp), ("relu", lambda x: np.maximum(x, 0)), ("leaky_relu", None)):
        f = f or (lambda x: np.where(x > 0, x, 0.2 * x))
        of_a = {"tanh": sg.tanh, "exp": sg.exp, "relu": sg.relu, "leaky_relu": lambda x: sg.leaky_relu(x, 0.2)}[name]
        text = slope_of(of_a(sg.data("a", 4)).node, "unicode")
        assert text.startswith(f"{name}'(a) = ")
        h = read(text.partition(" = ")[2] + " + O", {"a": a, "O": np.zeros(4)}, 0)
        assert h == pytest.approx((f(a + STEP) - f(a - STEP)) / (2 * STEP), rel=1e-5)
        for right in row.texts(style)[1].split(" = ")[1:]:
            plain = right.replace(r"\operatorname{diag}[f'(a)]", r"\operatorname{diag}(h)").replace("f'(a)", "h")
            plain = plain.replace("diag[h]", "diag(h)").replace("G_{x}", "g").replace("G_x", "g")
            assert read(plain, {"h": h, "g": g}, 0) == pytest.approx(h * g)


def test_what_is_held_constant_gives_nothing():
    x = sg.parameter("x", 3)
    y = sg.stop_gradient(x)
    assert ROWS["Held constant"].unicode == ("y = stop(x)", "y = x", "G_x = 0")
    assert (y.eval(x=[1, 2, 3]) == [1, 2, 3]).all() and str(sg.gradient(sg.sum(y * y), x)) == "0"


@pytest.mark.parametrize("transposed, make, sides", [
    (False, sg.conv1d, 1), (False, sg.conv2d, 2), (False, sg.conv3d, 3), (True, sg.conv_transpose2d, 2)])
def test_laws_of_convolutions_are_those_of_the_engine(transposed, make, sides):
    K = (2, 3) if transposed else (3, 2)
    symbols = {"x": (2, *[5] * sides), "K": (*K, *[2] * sides), "b": (3,)}
    x, kernel, bias = made = [sg.data(name, shape).node for name, shape in symbols.items()]
    row = deriving.law_of_formula("", "", make(wrap(x), wrap(kernel), wrap(bias)).node, made, "a")
    law = lawbook.convolution(sides, transposed)
    assert (row.unicode, row.latex) == (law.unicode, law.latex)


@pytest.mark.parametrize("make, titles", [
    (lambda E: E[sg.data("k", 5, dtype="integer")], ["Embedding"]),
    (lambda E: E[sg.data("k", dtype="integer")], ["Picking a row"]),
    (lambda E: E[sg.arange(4), sg.data("k", 4, dtype="integer")], ["Picking an entry of each row"]),
    (lambda E: E[sg.data("p", 2, dtype="integer"), sg.data("q", 2, dtype="integer")], []),
    (lambda E: sg.sum(E, axis=1), ["Sum along an axis"]), (lambda E: E @ E, ["Product with itself"]),
    (lambda E: E[1:], ["Slice"]), (lambda E: sg.max(E), ["Largest entry"]), (lambda E: sg.norm(E[0]), ["Norm", "Slice"])])
def test_pieces_cite_their_laws(make, titles):
    E = sg.parameter("E", (4, 4))
    d = sg.derive(sg.sum(sg.sin(make(E))))
    found = [law.title for law in laws(d.steps, "unicode")]
    assert [title for title in found if title not in NOTHING] == titles


NOTHING = {"Chain rule", "Sum of entries", "Entrywise function", "Derived by SymPy"}


def test_equal_entries_share_as_the_law_of_pooling_says():
    x, g = np.array([[[1.0, 1, 0, 3], [0, 1, 3, 3]]]), np.array([[[6.0, 9]]])
    p = sg.parameter("p", x.shape)
    found = sg.gradient(sg.sum(sg.max_pool2d(p, 2) * g), p).eval(p=x)
    assert found == pytest.approx(read("unpool_k(g, x = y)", {"g": g, "x": x, "y": np.array([[[1.0, 3]]])}, 0))
    assert found[0, 0, 0] == 2 and found[0, 0, 3] == 3
