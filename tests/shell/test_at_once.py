"""`symgrad gradient|jacobian|hessian` and `symgrad check --answers`."""

import pytest
from click.testing import CliRunner

from symgrad.shell.cli import cli

FORMULA = "sum((X @ w - y)**2)"
SHAPES = ["--shape", "X=n,d w=d y=n"]


def call(*args):
    result = CliRunner().invoke(cli, list(args))
    return result.exit_code, result.output


@pytest.mark.parametrize("args, printed", [
    (("gradient", FORMULA, *SHAPES, "--wrt", "w"), "2 Xᵀ (X w - y)\n"),
    (("hessian", FORMULA, *SHAPES, "--wrt", "w"), "2 Xᵀ X\n"),
    (("jacobian", "softmax(z)", "--shape", "z=n"), "diag(softmax(z)) - softmax(z) softmax(z)ᵀ\n"),
    (("gradient", FORMULA, *SHAPES, "--wrt", "w", "--format", "latex"), "2 X^{\\top} (X w - y)\n"),
    (("gradient", "-x @ x", "--shape", "x=3"), "-2 x\n"),
    (("gradient", FORMULA, "--wrt", "w"), "Guessed: X = n × d, w = d, y = n; --shape says otherwise.\n2 Xᵀ (X w - y)\n"),
    (("hessian", "(w @ x)**2", "--shape", "w=n x=n", "--wrt", "x,w"),
     "∂²L/∂x∂x = 2 w wᵀ\n∂²L/∂x∂w = 2 ((wᵀ x) I + w xᵀ)\n∂²L/∂w∂w = 2 x xᵀ\n"),
    (("gradient", "u @ v", "--shape", "u=n v=n", "--format", "latex"), "\\nabla_{u} L = v\n\\nabla_{v} L = u\n"),
])
def test_one_formula_at_once(args, printed):
    assert call(*args) == (0, printed)


@pytest.mark.parametrize("args, labels", [
    (("jacobian", "sum((W @ x - y)**2)", "--shape", "W=n,d x=d y=n"), ["∂L/∂W", "∂L/∂x", "∂L/∂y"]),
    (("jacobian", "W @ x - y", "--shape", "W=n,d x=d y=n"), ["∂f/∂W", "∂f/∂x", "∂f/∂y"]),
    (("jacobian", "W @ x", "--shape", "W=n,d x=d"), ["∂y/∂W", "∂y/∂x"]),
    (("gradient", "L @ J", "--shape", "L=n J=n"), ["∇_L E", "∇_J E"]),
])
def test_a_label_is_no_name_of_the_formula(args, labels):
    code, said = call(*args)
    assert code == 0 and [line.partition(" =")[0] for line in said.splitlines()] == labels


@pytest.mark.parametrize("formula, printed", [
    ("sin x", "cos(x)"), ("cos 2x", "-2 sin(2 x)"), ("sin²(x)", "2 cos(x) sin(x)"), ("w^T Sigma w", "(Σ + Σᵀ) w"),
])
def test_functions_are_differentiated(formula, printed):
    code, said = call("gradient", formula, "--wrt", "w" if "w" in formula else "x")
    assert code == 0 and said.splitlines()[1] == printed


@pytest.mark.parametrize("args, guessed, printed", [
    (("derive", "‖Xw - y‖²", "--wrt", "w"), "X = n × d, w = d, y = n", "∇_w L = 2 Xᵀ (X w - y)"),
    (("derive", "sum(X)"), "X = n × d", "∇_X L = "), (("explain", "Xw"), "X = n × d, w = d", "This is X times w."),
    (("explain", "log x", "--wrt", "x"), "x = a number", "the logarithm of x"),
    (("check", FORMULA, "--wrt", "w"), "X = n × d, w = d, y = n", "ok"), (("info", FORMULA), "X = n × d, w = d, y = n", "‖X w - y‖²"),
    (("generate", FORMULA, "--wrt", "w"), "X = n × d, w = d, y = n", "def main("),
    (("check", "2 X' (X w - y)", "--gradient-of", "‖Xw - y‖²", "--wrt", "w"), "X = n × d, w = d, y = n", "Equal"),
    (("derive", FORMULA, "--shape", "X=N,3", "--wrt", "w"), "w = 3, y = N", "∇_w L"),
    (("gradient", "log softmax(z)_k"), "z = n, k = a whole number", "e_k - softmax(z)"),
    (("derive", "log(softmax(W x + b)_k)", "--wrt", "b"), "W = n × d, x = d, b = n, k = a whole number", "∇_b L = e_k"),
    (("check", "log softmax(z)_k"), "z = n, k = a whole number", "ok"),
    (("generate", "1/n sum((x w - y)^2)", "--wrt", "w"), "x = n, w = a number, y = n", "def main("),
])
def test_every_command_guesses_and_tells(args, guessed, printed):
    result = CliRunner().invoke(cli, list(args))
    assert result.exit_code == 0, result.output
    assert result.stderr == f"Guessed: {guessed}; --shape says otherwise.\n" and printed in result.stdout


@pytest.mark.parametrize("command", ["derive", "explain", "check", "info", "generate"])
def test_a_formula_may_begin_with_a_minus_everywhere(command):
    wrt = [] if command == "info" else ["--wrt", "w"]
    code, said = call(command, "-sum((X @ w - y)**2)", *wrt)
    assert code == 0 and said.startswith("Guessed: X = n × d, w = d, y = n"), said


def test_drawings_guess(tmp_path):
    for args in (("log x", "--wrt", "x"), ("softmax(z)", "--forward")):
        code, said = call("draw", *args, "-o", str(tmp_path / "graph.svg"))
        assert code == 0 and said.startswith("Guessed: ") and "Wrote" in said


@pytest.mark.parametrize("args, message", [
    (("derive", "2 A x"), "A = n × d, x = d: the formula has shape (n,); a gradient is that of a number: close it, "
     "as in sum(...), or ask its Jacobian\n"),
    (("derive", "A B x + b + c + d + f + g"), "have no shape: A, B, x, b, c, d, f, g; declare them with --shape"),
    (("explain", "data/model"), "there is no file 'data/model'; if data/model is a formula, declare its names"),
    (("derive", "sum_i x_i - u_i"), "∑_i reaches to the next + or -: put what it sums in parentheses"),
    (("gradient", "x'*A*x"), "beside ' the sign * may be the matrix product of MATLAB"),
    (("derive", FORMULA, "w"), "Got unexpected extra argument (w); names to differentiate by are --wrt w"),
    (("audit", "a.onnx", "b.onnx"), "two networks are compared by --against b.onnx"),
    (("derive", "sum", "X", "w"), "a formula with blanks stands in quotes: \"sum X w\""),
    (("derive", "sum(X w)", "--shape", "X=n,d", "w=d"), "several shapes stand in quotes: --shape \"X=n,d w=d\""),
    (("gradient", "sum(X w)", "X=n,d"), "several shapes stand in quotes: --shape \"X=n,d\""),
])
def test_what_is_open_is_asked(args, message):
    code, said = call(*args)
    assert code == 2 and message in said and "Traceback" not in said, said


def test_mathml_and_several_lines_and_a_file(tmp_path):
    assert "<math" in call("gradient", FORMULA, *SHAPES, "--wrt", "w", "--format", "mathml")[1]
    assert call("gradient", FORMULA, *SHAPES, "--wrt", "w", "--format", "pretty")[0] == 0
    code, said = call("gradient", FORMULA, *SHAPES, "--wrt", "w", "-o", str(tmp_path / "g.tex"))
    assert code == 0 and "Wrote" in said
    assert (tmp_path / "g.tex").read_text(encoding="utf-8") == "2 X^{\\top} (X w - y)\n"


@pytest.mark.parametrize("args, message", [
    (("gradient", "softmax(z)"), "a gradient is that of a number"),
    (("hessian", "X @ w", "--shape", "X=n,d w=d"), "a Hessian is that of a number; the formula has shape (n,)"),
    (("gradient", FORMULA, "--wrt", "q"), "--wrt q: the formula has no name 'q'; it has X, w, y"),
    (("gradient", FORMULA, "--shape", "X=n,d w=d X=n"), "X is declared twice"),
    (("gradient", FORMULA, "--wrt", "w", "-o", "g.doc"), ".doc is no format of this command"),
    (("gradient", "import os"), "'import' is a word of Python's own"),
])
def test_refusals_are_one_message(args, message):
    code, said = call(*args)
    assert code == 2 and message in said and "Traceback" not in said


ANSWERS = """name,formula
Ada,2 Xᵀ (X w - y)
Bob,X.T @ (X @ w - y)
Cyd,"2 * np.dot(X.T, X @ w - y)"
Dan,2 X (X w - y)
Eve,2 Z^T (X w - y)
Fay,
"""


def test_answers_of_a_class(tmp_path):
    file = tmp_path / "class.csv"
    file.write_text(ANSWERS, encoding="utf-8")
    code, said = call("check", "--answers", str(file), "--gradient-of", FORMULA, "--wrt", "w", *SHAPES)
    rows = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert code == 1 and "2 of 6 answers right" in said
    assert rows["Ada"].endswith("right") and rows["Cyd"].endswith("right") and "no answer" in rows["Fay"]
    assert "the claim is 1/2 times the right formula" in rows["Bob"] and "'Z' is not declared" in " ".join(said.split())
    assert "X must be transposed" in " ".join(said.split())
    file.write_text("who;answer\nAda;2 X' (X w - y)\n", encoding="utf-8")
    assert call("check", "--answers", str(file), "--gradient-of", FORMULA, "--wrt", "w", *SHAPES)[0] == 0


@pytest.mark.parametrize("text, message", [
    ("", "is empty"), ("a b\n1 2\n", "its first line is a header"), ("name,mark\nAda,1\n", "has no column 'formula'"),
    ("formula,name\nmax(a,0),Ada\n", "line 2"),
])
def test_a_file_that_is_no_table(tmp_path, text, message):
    (tmp_path / "class.csv").write_text(text, encoding="utf-8")
    code, said = call("check", "--answers", str(tmp_path / "class.csv"), "--gradient-of", FORMULA, "--wrt", "w", *SHAPES)
    assert code == 2 and message in " ".join(said.split())


def test_answers_need_a_question():
    assert "--answers needs the question" in call("check", "--answers", "class.csv")[1]
    assert "or --answers FILE.csv" in call("check")[1]
