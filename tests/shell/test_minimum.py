"""`symgrad minimize`: a formula fitted to a file, and every way to get it wrong."""

import re

import numpy as np
import pytest
from click.testing import CliRunner

from symgrad.shell.cli import cli

# Misra1a of the NIST Statistical Reference Datasets (Misra 1978), certified b1 = 238.94212918, b2 = 5.5015643181e-4
MISRA = """x,y
77.6,10.07
114.9,14.73
141.1,17.94
190.8,23.93
239.9,29.61
289.0,35.18
332.8,40.02
378.4,44.82
434.8,50.76
477.3,55.05
536.8,61.01
593.1,66.40
689.1,75.47
760.0,81.78
"""
LAW = "sum((y - b1*(1 - exp(-b2*x)))**2)"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text(MISRA)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(cli, ["minimize", *map(str, arguments)])


def table(output):
    rows = [line.split() for line in output.splitlines()[2:] if line.strip()]
    return {row[0]: [float(cell) for cell in row[1:]] for row in rows[:next(i for i, r in enumerate(rows) if r[0] == "loss")]}


@pytest.mark.parametrize("start", [["--start", "b1=500", "b2=0.0001"], ["--start", "b1=500 b2=0.0001"],
                                   ["--start", "b1=500", "--start", "b2=0.0001"], ["--start", "b1=250", "b2=5e-4"]])
@pytest.mark.parametrize("law", [LAW, LAW.replace("sum", "mean"), "‖y - b1 (1 - exp(-b2 x))‖²"])
def test_a_law_is_fitted_from_every_start(here, law, start):
    done = run(law, "--data", "data.csv", *start)
    assert done.exit_code == 0, done.output
    found = table(done.output)
    assert found["b1"][0] == pytest.approx(238.94212918, rel=1e-7) and found["b2"][0] == pytest.approx(5.5015643181e-4, rel=1e-7)
    assert "-o fit.svg draws y over x with the curve." in done.output


@pytest.mark.parametrize(("name", "begin"), [("fit.svg", b"<svg"), ("fit.png", b"\x89PNG")])
def test_the_fit_is_drawn(here, name, begin):
    done = run(LAW, "--data", "data.csv", "--start", "b1=500", "b2=0.0001", "-o", name)
    assert done.exit_code == 0 and f"Wrote {name}" in done.output and (here / name).read_bytes().startswith(begin)


def test_data_of_other_kinds(here):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    np.savez(here / "data.npz", X=X, y=X @ [1.0, 2.0, 3.0])
    done = run("sum((y - X @ w)**2) + lam * sum(w**2)", "--data", "data.npz", "--data", "lam=0")
    assert done.exit_code == 0, done.output
    assert [table(done.output)[f"w[{i}]"][0] for i in range(3)] == pytest.approx([1, 2, 3])
    (here / "blanks.txt").write_text("# measured\nx y\n1 2\n2 4\n")
    assert table(run("sum((y - a*x)**2)", "--data", "blanks.txt").output)["a"][0] == pytest.approx(2)


def test_without_data_it_is_a_function(here):
    done = run("(1 - a)**4 + 100*(b - a**2)**2 + b**4", "--start", "a=-1.2", "b=1")
    assert done.exit_code == 0 and set(table(done.output)) == {"a", "b"}


def test_a_model_file_is_minimised_on_its_data(here):
    (here / "line.py").write_text("import numpy as np\nimport symgrad as sg\nT = sg.dim('T')\n"
                                  "x, y, w = sg.data('x', over=T), sg.data('y', over=T), sg.parameter('w')\n"
                                  "loss = sg.empirical_risk((w * x - y) ** 2)\n"
                                  "data = {'x': np.arange(5.0), 'y': 3 * np.arange(5.0)}\n")
    done = run("line.py")
    assert done.exit_code == 0 and table(done.output)["w"][0] == pytest.approx(3), done.output


MISTAKES = [
    ([LAW, "--data", "nope.csv"], "--data nope.csv: there is no such file"),
    ([LAW, "--data", "data.csv", "--start", "b3=1"], "b3 is to be found, and the formula has no b3"),
    ([LAW, "--data", "data.csv", "--start", "b1=x"], "--start b1: 'x' is no number"),
    ([LAW, "--data", "data.csv", "--start", "b1=1", "b1=2"], "--start: b1 is given twice"),
    ([LAW, "--data", "data.csv", "--wrt", "x"], "--wrt x: x is among the data"),
    ([LAW, "--data", "data.csv", "--wrt", "b1"], "b2: no data of that name, and not in --wrt"),
    ([LAW, "--data", "data.csv", "--method", "newt"], "there is no method 'newt'"),
    ([LAW, "data.csv"], "'data.csv' is no assignment NAME=NUMBER, and the formula is given; was a file meant? --data data.csv"),
    ([LAW, "--data", "data.csv", "b1=3"], "b1=3 belongs behind --start or --data"),
    (["y = a*x + b", "--data", "data.csv"], "how far it is from holding, sum((y - (a*x + b))**2)"),
    (["sum(x*y)", "--data", "data.csv"], "all names of the formula are data (x, y): there is nothing to minimise over"),
    ([LAW, "--data", "data.csv", "-o", "fit.doc"], "cannot plot to 'fit.doc'"),
    ([LAW, "--data", "data.csv", "-o", "nowhere/fit.svg"], "nowhere"),
    (["sum((y - a*x)**2)", "--data", "ragged.csv"], "--data ragged.csv: row 3 has 1 cells; the first line names 2 columns"),
    (["sum((y - a*x)**2)", "--data", "text.csv"], "--data text.csv: row 2, column y: 'two' is no number"),
    (["sum((y - a*x)**2)", "--data", "twice.csv"], "--data twice.csv: two columns are called x; rename one"),
    (["sum((y - a*x)**2)", "--data", "names.csv"], "--data names.csv: there is no row below the names of the columns"),
    (["sum((y - a*x)**2)", "--data", "bare.csv"], "--data bare.csv: the first line must name the columns, and '1.5' is no name: letters, digits and _"),
]


@pytest.mark.parametrize(("arguments", "message"), MISTAKES)
def test_mistakes_end_in_one_message(here, arguments, message):
    (here / "ragged.csv").write_text("x,y\n1,2\n3\n")
    (here / "text.csv").write_text("x,y\n1,two\n")
    (here / "bare.csv").write_text("1.5,2\n1,2\n")
    (here / "twice.csv").write_text("x,x\n1,2\n2,3\n")
    (here / "names.csv").write_text("x,y\n")
    done = run(*arguments)
    assert done.exit_code == 2 and message in done.output and "Traceback" not in done.output, done.output


def test_what_did_not_converge_has_an_exit_status(here):
    done = run(LAW, "--data", "data.csv", "--start", "b1=500", "b2=0.0001", "--method", "newton", "--budget", "3")
    assert done.exit_code == 1 and "the budget of 3 evaluations is used up" in done.output


def test_no_curve_no_picture(here):
    done = run("(1 - a)**4", "-o", "fit.svg")
    assert done.exit_code == 2 and "there is no curve to draw" in done.output and not (here / "fit.svg").exists()


def test_starts_may_stand_between_commas(here):
    plain, commas = (run(LAW, "--data", "data.csv", "--start", *given) for given in (["b1=500", "b2=0.0001"], ["b1=500, b2=0.0001"]))
    assert commas.exit_code == 0 and commas.output == plain.output


def test_the_rows_of_a_table_are_n(here):
    mean = LAW.replace("sum(", "mean(", 1)
    assert "|1/√n y - 1/√n b₁" in run(mean, "--data", "data.csv", "--start", "b1=500", "b2=0.0001").output
    (here / "line.csv").write_text("t,y\n1,2\n2,4.1\n3,5.9\n")
    assert "n  " in run("mean((y - n*t)**2)", "--data", "line.csv", "--start", "n=1").output  # n is what is to be found
    assert "slope  " in run("mean((y - slope*t - inner)**2)", "--data", "line.csv").output


@pytest.mark.parametrize("law", ["m*t + c", "m*t + n", "n*t + m", "c + m t", "m_1*t + n_1"])
def test_letters_of_sizes_are_numbers_to_be_found(here, law):
    (here / "line.csv").write_text("t,y\n1,2\n2,4.1\n3,5.9\n")
    done = run(f"sum((y - ({law}))^2)", "--data", "line.csv")
    assert done.exit_code == 0 and " 1.95 " in done.output and "loss 0.015 " in done.output, done.output


@pytest.mark.parametrize("formula, names, said", [
    ("sum((y - mt - c)^2)", "m c", "mt: names that touch, a product with data; read as ‖y - m t - c‖²"),
    ("sum((y - at - bt^2)^2)", "a b", "at, bt: names that touch"), ("sum((y - m*t - c)^2)", "m c", ""),
    ("sum((y - rate*t - start)^2)", "rate start", ""),  # words of a program stay whole
    ("sum((y - a*exp(-t))^2)", "a", "")])
def test_letters_that_touch_a_column_are_a_product_with_it_and_no_new_number(here, formula, names, said):
    (here / "line.csv").write_text("t,y\n1,2\n2,4.1\n3,5.9\n")
    done = run(formula, "--data", "line.csv")
    assert done.exit_code == 0, done.output
    assert said in done.output if said else "touch" not in done.output, done.output
    assert re.findall(r"^([a-z]+) {2,}-?\d", done.output, re.M) == names.split(), done.output
