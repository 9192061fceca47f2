"""Formulas in words: every operation gives a sentence of English, and ten examples read as a teacher would say them."""

import re

import pytest
from click.testing import CliRunner
from operation_table import ROWS, operands

import symgrad as sg
from symgrad.derivations.sentences import sentence, spoken, words
from symgrad.formulas.notation.lexicon import lexicon
from symgrad.formulas.notation.operators import OPERATORS
from symgrad.formulas.words.kinds import kind_of
from symgrad.formulas.words.phrases import listed
from symgrad.shell.cli import cli

n, d, k, T = sg.dims("n d k T")
RAW = re.compile(r"einsum|elementwise|logsumexp|Tensor|None|Tree|_\w*\(|axis=|⊙|⊗|∑_|ᵀ|⁻¹|‖|√|\[|\]|  |,,|\.\.")


def spoken_well(text):
    """English: letters, names, numbers, indices; nothing of the notation that it puts into words."""
    assert text and not RAW.search(text), text
    assert len(text) < 1500
    assert text.count("(") == text.count(")")
    return text


@pytest.mark.parametrize("row", ROWS, ids=str)
@pytest.mark.parametrize("setting", ["symbolic", "samples"])
def test_every_operation_has_words(row, setting):
    at = operands(row, "concrete" if setting in row.skip.split() else setting)
    t = row.make(*at)
    text = spoken_well(re.sub(r"\[[-\d;, ]+\]|entry \((\([^()]*\)|[^()])*\)|entry \S+ of", "it", words(t)))
    assert all(symbol.name in words(t) for symbol in at) or row.name in (
        "a ** 0", "zeros", "windows of two axes", "full of a tensor", "prod with two zeros"), text


@pytest.mark.parametrize("row", [row for row in ROWS if row.smooth], ids=str)
def test_every_gradient_is_explained(row):
    x, *rest = operands(row, "concrete")
    t = row.make(x, *rest)
    if x.dtype != "real" or t.dtype != "real":
        return
    found = sg.explain(sg.sum(t * t) if t.ndim else t * t, x)
    for text in (*found.answer, *found.symbols, *(s for line in found.lines for s in line.sentences)):
        assert text.endswith(".") and not text.endswith("..")
        assert re.search("einsum|Tensor|None|Tree|axis=|⊙|∑_|ᵀ", text) is None, text
    assert [line.number for line in found.lines] == list(range(1, len(found.lines) + 1))


def lecture():
    x, y = sg.data("x^0", d, over=T), sg.data("y", k, over=T)
    W1, b1, W2, b2 = sg.parameter("W1", (n, d)), sg.parameter("b1", n), sg.parameter("W2", (k, n)), sg.parameter("b2", k)
    hidden = sg.tanh((W1 @ x + b1).named("a^1")).named("x^1")
    return sg.empirical_risk(sg.losses.squared_error(W2 @ hidden + b2, y)), W2


def logistic():
    x, y, w = sg.data("x", d, over=T), sg.data("y", over=T), sg.parameter("w", d)
    p = sg.sigmoid(w @ x)
    return sg.mean(-(y * sg.log(p) + (1 - y) * sg.log(1 - p)), over=T)


def softmax():
    x, c = sg.data("x", d, over=T), sg.labels("c", classes=k, over=T)
    W = sg.parameter("W", (k, d))
    return sg.mean(sg.losses.cross_entropy(W @ x, c), over=T)


def least_squares(ridge=False):
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    loss = sg.sum((X @ w - y) ** 2)
    return (loss + sg.data("lambda") * sg.sum(w**2)) / 2 if ridge else loss


def gaussian():
    S = sg.parameter("Sigma", (d, d), symmetric=True, positive_definite=True)
    r = sg.data("x", d) - sg.parameter("mu", d)
    return (sg.logdet(S) + r @ sg.solve(S, r)) / 2


def factorisation():
    M, R, U, V = sg.data("M", (n, d)), sg.data("R", (n, d)), sg.parameter("U", (n, k)), sg.parameter("V", (d, k))
    return sg.sum((M * (U @ V.T - R)) ** 2)


def attention():
    Q, K, V = sg.data("Q", (n, d)), sg.data("K", (n, d)), sg.data("V", (n, d))
    return sg.softmax(Q @ K.T / sg.sqrt(sg.constant(64.0))) @ V


def relu_net():
    x, W = sg.data("x", d), sg.parameter("W", (k, d))
    return sg.sum(sg.relu(W @ x))


def hessian():
    X, w, y = sg.data("X", (n, d)), sg.parameter("w", d), sg.data("y", n)
    z = X @ w
    return sg.hessian(sg.sum(sg.softplus(z) - y * z), w)


EXAMPLES = {
    "backpropagation": lambda: sg.explain(*lecture()), "least squares": lambda: sg.explain(least_squares()),
    "ridge": lambda: sg.explain(least_squares(True)), "logistic": lambda: sg.explain(logistic()),
    "softmax": lambda: sg.explain(softmax()), "Gaussian": lambda: sg.explain(gaussian()),
    "factorisation": lambda: sg.explain(factorisation()), "attention": lambda: sg.explain(attention()),
    "relu": lambda: sg.explain(relu_net()), "Hessian": lambda: sg.explain(hessian()),
}


def test_ten_examples(golden):
    golden("explanations.txt", "\n\n".join(f"# {name}\n\n{make()}" for name, make in EXAMPLES.items()))


def test_the_sentence_of_the_lecture():
    """What issue 5 asks for, word for word but for the symbols."""
    answer = sg.explain(*lecture()).answer
    assert answer[1] == ("The gradient of the loss L with respect to W₂ is the outer product of the error G_a² and the "
                         "input x¹, averaged over the samples.")


def test_kinds_decide_what_a_product_is():
    u, v, A, B = sg.data("u", n), sg.data("v", d), sg.data("A", (n, d)), sg.data("B", (k, d))
    one = sg.ones(n)
    says = {
        "the outer product of u and v": sg.outer(u, v), "A times B transposed": A @ B.T,
        "the inner product of u and A times v": u @ A @ v, "the squared norm of u": u @ u,
        "the sums of the columns of A": A.sum(axis=0), "the sums of the rows of A": A.sum(axis=1),
        "the matrix with v as every row": sg.outer(one, v), "the Kronecker product of A and B": sg.kron(A, B),
        "the diagonal matrix of u": sg.diag(u), "the trace of A times A transposed": sg.trace(A @ A.T).named("t"),
        "the outer product of A times v, and u": sg.outer(A @ v, u),
        "twice the outer product of u with itself": 2 * sg.outer(u, u),
    }
    found = {text: spoken(t.node.operands[0] if t.node.op == "named" else t.node) for text, t in says.items()}
    found.pop("the trace of A times A transposed")  # printed as a norm
    assert found == {text: text for text in found}
    assert kind_of(lexicon_tree(u, v), {}) == "scalar"  # names that are not known are numbers


def lexicon_tree(u, v):
    from symgrad.formulas.notation.writer import SAMPLE, Writer

    t = sg.outer(u, v)
    return Writer(OPERATORS, [t.node], lexicon([t.node]), SAMPLE).formula(t.node)


def test_the_average_is_named():
    x, y, w = sg.data("x", d, over=T), sg.data("y", over=T), sg.parameter("w", d)
    assert words(sg.mean((w @ x - y) ** 2, over=T)) == (
        "the mean over the samples of the square of the difference of the inner product of w and x, and y")
    assert words(sg.sum(w @ x, over=T)) == "the sum over the samples of the inner product of w and x"
    summed = sg.explain(sg.sum((w @ x - y) ** 2, over=T))
    assert "summed over the samples." in summed.answer[0]
    halved = sg.explain(sg.mean((w @ x - y) ** 2, over=T) / 2)
    assert "summed over the samples and multiplied by 1/(2 T)." in halved.answer[0]


def test_sentences_and_lists():
    assert sentence("the norm of x,") == "The norm of x." and sentence("x is 2") == "x is 2."
    assert [listed(list("abc")[:count]) for count in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert listed(["a and b", "c"]) == "a and b, and c"


def test_variables_are_asked_for():
    loss, W2 = lecture()
    assert "W₂" in sg.explain(loss, W2).title and "b₁" not in sg.explain(loss, W2).title
    assert sg.explain(loss).title.endswith("W₁, b₁, W₂, b₂, in words")
    z = sg.parameter("z", d)
    assert "L does not depend on z, so that gradient is zero." in sg.explain(loss, [W2, z]).answer
    x = sg.data("x", d)
    assert sg.explain(sg.sum(x)).lines == () and "squared norm" in sg.explain(x @ x).answer[0]
    assert sg.explain(sg.tanh(x), x).answer[1].startswith("Its Jacobian with respect to x is the diagonal matrix of the difference 1 minus")
    with pytest.raises(sg.DifferentiationError, match="no gradient|integer"):
        sg.explain(loss, sg.data("i", d, dtype="integer"))


def test_no_line_is_wider_than_asked():
    for width in (40, 60, 88, 120):
        text = sg.explain(*lecture()).text(width)
        assert max(len(line) for line in text.splitlines() if not re.match(r" *\(\d+\) ", line)) <= width
    assert sg.explain(*lecture()).text(60).split() == sg.explain(*lecture()).text(120).split()


def test_markdown_has_the_formulas_in_latex():
    text = sg.explain(*lecture())._repr_markdown_()
    assert "**(6)** $G_{" in text and text.startswith("## The gradient of L with respect to W₂")
    assert text.count("$") % 2 == 0


def run(*args):
    return CliRunner().invoke(cli, ["explain", *args])


def test_on_the_command_line(tmp_path):
    shapes = ["--shape", "X=n,d", "--shape", "w=d", "--shape", "y=n"]
    result = run("sum((X @ w - y)**2)", *shapes, "--wrt", "w")
    assert result.exit_code == 0
    assert "twice X transposed times the difference X times w minus y." in " ".join(result.stdout.split())
    assert run("X @ w", *shapes).stdout.splitlines()[2] == "This is X times w."
    jacobian = run("X @ w", *shapes, "--wrt", "w").stdout
    assert "Its Jacobian with respect to w is X." in jacobian
    assert run("X @ w", *shapes, "--wrt", "z").exit_code == 2
    out = run("X @ w", *shapes, "-o", str(tmp_path / "words.md"))
    assert out.exit_code == 0 and (tmp_path / "words.md").read_text(encoding="utf-8").startswith("## X w")
