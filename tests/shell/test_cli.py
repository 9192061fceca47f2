"""The command line: what it prints, its exit status, and that bad input ends in one message."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from symgrad.shell import commands
from symgrad.shell.cli import cli

LEAST_SQUARES = ["sum((X @ w - y)**2)", "--shape", "X=n,d", "--shape", "w=d", "--shape", "y=n"]
MODEL = '''"""Points on a line"""
import numpy as np
import symgrad as sg

T = sg.dim("T")
x, y = sg.data("x", 2, over=T), sg.data("y", over=T)
w, b = sg.parameter("w", 2), sg.parameter("b")
predict = w @ x + b
loss = sg.empirical_risk((predict - y) ** 2)
metrics = {"mae": sg.mean(sg.abs(predict - y), over=T)}

rng = np.random.default_rng(0)
X = rng.standard_normal((60, 2))
data = {"x": X[:40], "y": X[:40] @ [1.0, -2.0] + 3}
validation = {"x": X[40:50], "y": X[40:50] @ [1.0, -2.0] + 3}
test_data = {"x": X[50:], "y": X[50:] @ [1.0, -2.0] + 3}
optimizer = sg.optim.Adam(0.1)
epochs, batch_size = 30, 8
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, as the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(here):
    path = here / "line.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


def call(*args):
    return CliRunner().invoke(cli, [str(a) for a in args])


def refused(result, *words):
    """Exit status 2, one message with these words, no traceback, nothing on standard output."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert len(re.findall("(?m)^Error: ", result.stderr)) == 1
    for word in words:
        assert str(word) in result.stderr


# formulas as text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form, words", [
    ("unicode", ["Backward", "G_w = Xᵀ G_"]),
    ("latex", [r"\begin{align}", r"X^{\top}"]),
    ("markdown", ["$$", "## Backward"]),
    ("html", ["<math"]),
])
def test_derive_writes_every_format(form, words):
    result = call("derive", *LEAST_SQUARES, "--wrt", "w", "--format", form)
    assert result.exit_code == 0, result.output
    for word in words:
        assert word in result.stdout


@pytest.mark.parametrize("name, word", [("f.md", "$$"), ("f.tex", r"\begin"), ("f.html", "<math"), ("f.txt", "ᵀ")])
def test_derive_takes_the_format_from_the_suffix(here, name, word):
    result = call("derive", *LEAST_SQUARES, "-o", name)
    assert result.exit_code == 0, result.output
    assert word in (here / name).read_text(encoding="utf-8")
    assert name in result.stdout


def test_wrt_chooses_the_variables():
    both = call("derive", *LEAST_SQUARES, "--wrt", "w,y").stdout
    assert "G_w" in both and "G_y" in both and "G_X" not in both
    assert "G_X" in call("derive", *LEAST_SQUARES).stdout


def test_check_lists_every_step():
    result = call("check", *LEAST_SQUARES, "--wrt", "w")
    assert result.exit_code == 0, result.output
    assert "G_w = Xᵀ G_" in result.stdout and "steps hold" in result.stdout
    assert "FAILS" not in result.stdout


class Failing:
    """The result of a check in which one step fails."""

    rows = (SimpleNamespace(number=2, formula="G_w = w", error=0.2, holds=False),)

    def __bool__(self):
        return False

    def __str__(self):
        return "1 of 1 steps fail:\n  (2) G_w = w"


def test_check_that_fails_is_exit_status_1(monkeypatch, model):
    monkeypatch.setattr("symgrad.derivations.proof.check", lambda self, seed=0: Failing())
    result = call("check", *LEAST_SQUARES)
    assert result.exit_code == 1
    assert "FAILS" in result.stdout and "2.0e-01" in result.stdout and "1 of 1 steps fail" in result.stdout
    result = call("train", model, "--epochs", 1)
    assert result.exit_code == 1
    assert "does not hold: 1 of 1 steps fail" in result.stdout.splitlines()[-1]


def test_check_of_what_has_no_value_says_so():
    result = call("check", "sum(log(-1 - x**2))", "--shape", "x=3")
    assert result.exit_code == 1
    assert "not checked" in result.stdout and "--seed" in result.stdout and "FAILS" not in result.stdout


def test_generate_explains_its_plans():
    result = call("generate", *LEAST_SQUARES, "--wrt", "w", "--explain")
    assert result.exit_code == 0, result.output
    for word in ("forward", "backward", "gradients", "update", "total", "peak", "returns"):
        assert word in result.stdout
    assert "def step" not in result.stdout


@pytest.mark.parametrize("name, start", [("g.svg", b"<"), ("g.png", b"\x89PNG"), ("g.pdf", b"%PDF"), ("g.dot", b"")])
def test_draw_writes_the_format_of_the_suffix(here, name, start):
    if name.endswith("pdf"):
        pytest.importorskip("fpdf")
    result = call("draw", *LEAST_SQUARES, "--wrt", "w", "-o", name)
    assert result.exit_code == 0, result.output
    content = (here / name).read_bytes()
    assert content.startswith(start) and len(content) > 100
    assert name in result.stdout


def test_generated_module_runs_alone(here):
    text = call("generate", *LEAST_SQUARES, "--wrt", "w").stdout
    result = call("generate", *LEAST_SQUARES, "--wrt", "w", "-o", "lsq.py")
    assert result.exit_code == 0, result.output
    assert (here / "lsq.py").read_text(encoding="utf-8").rstrip() == text.rstrip()
    done = subprocess.run([sys.executable, "-I", "lsq.py", "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "usage" in done.stdout.lower(), done.stderr


def test_info_of_a_formula():
    result = call("info", *LEAST_SQUARES)
    assert result.exit_code == 0, result.output
    assert "n × d" in result.stdout and "‖X w - y‖²" in result.stdout


# what is refused --------------------------------------------------------------------------------------------

HOSTILE = [
    "__import__('os').system('touch hit')", "open('hit', 'w')", "exec('open(\"hit\", \"w\")')",
    "(lambda: open('hit', 'w'))()", "[].__class__.__base__.__subclasses__()", "x.__class__", "f'{open(\"hit\", \"w\")}'",
    "sum(w).__reduce__()", "9**9**9**9", "w" + "+w" * 20_000, "(" * 5000 + ")" * 5000, "\0", "", "   ", "import os",
    "sum(w) if True else 0", "eval", "w; w", "x += 1", "ａ" * 300,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t[:24]))
@pytest.mark.parametrize("command", ["derive", "explain", "check"])
def test_hostile_text_is_refused_and_not_run(here, command, text):
    refused(call(command, "--shape", "w=3", "--", text))
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("args, words", [
    (["derive", "nothere.py"], ["there is no file 'nothere.py'"]),
    (["derive", "models/net.txt"], ["there is no file 'models/net.txt'; if models/net.txt is a formula, declare its names"]),
    (["derive", "digits"], ["there is no file 'digits'; if digits is a formula, declare its names"]),
    (["derive", "sum((X", "--shape", "X=2"], ["column", "sum((X"]),
    (["derive", "X @ w", "--shape", "X=n,d", "--shape", "w=m"], ["X", "w", "d", "m"]),
    (["derive", "X @ w", "--shape", "X=n,d", "--shape", "w=d"], ["not a scalar", "sg.sum"]),
    (["derive", "sum(w)", "--shape", "w=3", "--wrt", "v"], ["--wrt v: the formula has no name 'v'; it has w"]),
    (["derive", "sum(w)", "--shape", "w"], ["'w' is not NAME=SIZES"]),
    (["derive", "sum(w)", "--shape", "w=3", "--shape", "w=4"], ["w is declared twice"]),
    (["derive", "sum(w)", "--shape", "w=-3"], ["'w'", "'-3'"]),
    (["derive", "sum(w)", "--shape", "w=3", "--wrt", ","], ["a name is missing"]),
    (["derive", "sum(w)", "--shape", "w=3", "--format", "pdf"], ["'pdf'", "latex"]),
    (["derive", "sum(w)", "--shape", "w=3", "-o", "no/f.md"], ["'no/f.md'", "there is no folder 'no'"]),
    (["derive"], ["Missing argument"]),
    (["derive", "sum(w)", "--shape", "w=3", "v=3"], ["several shapes stand in quotes: --shape \"w=3 v=3\""]),
    (["sum(w)", "--shape", "w=3"], ["'sum(w)' is a formula or a file, and no command", "symgrad explain 'sum(w)'"]),
    (["derve", "sum(w)"], ["No such command 'derve'"]),
    (["explain", ""], ["the formula is empty"]),
    (["explain", "X @ w", "--shape", "X=n,d", "--shape", "w=d", "--wrt", "v"], ["--wrt v: the formula has no name 'v'; it has X, w"]),
    (["explain", "sum(w)", "--shape", "w=3", "-o", "no/f.md"], ["no folder 'no'"]),
    (["generate", "sum(w)", "--shape", "w=3"], ["something to fit", "--wrt (w)"]),
    (["draw", "sum(w)", "--shape", "w=3"], ["Missing option '-o'"]),
    (["draw", "sum(w)", "--shape", "w=3", "-o", "g.gif"], [".gif", ".svg"]),
    (["draw", "sum(w)", "--shape", "w=3", "-o", "no/g.svg"], ["no folder 'no'"]),
    (["generate", "sum(w)", "--shape", "w=3", "-o", "."], ["'.'", "folder"]),
    (["train", "sum(w)"], ["sum(w)", "no file"]),
    (["train", "nothere.py"], ["there is no file 'nothere.py'"]),
    (["train", "."], ["'.'", "directory"]),
    (["info", "--shape", "w=3"], ["--shape needs a formula"]),
    (["publish", "x.py"], ["No such command 'publish'"]),
], ids=lambda value: " ".join(value) if isinstance(value, list) else None)
def test_bad_usage_is_one_message(here, args, words):
    refused(call(*args), *words)
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("text, words", [
    ("x = 1\n", ["defines no `loss`"]),
    ("losss = 1\n", ["defines no `loss`", "`losss`"]),
    ("loss = 3.0\n", ["loss is a float, not a tensor"]),
    ("a = 1\nb = a / 0\n", ["line 2", "ZeroDivisionError: division by zero", "b = a / 0"]),
    ("def f(:\n", ["line 1", "SyntaxError", "def f(:"]),
    ("if True:\nx = 1\n", ["line 2", "IndentationError"]),
    ("loss = 'é\n".encode("latin-1"), ["SyntaxError"]),
    (b"loss = 1\0\n", ["m.py", "null"]),
    ("import sys\nsys.exit(3)\n", ["line 2", "ends the program (3)"]),
    ("import no_such_thing\n", ["line 1", "ModuleNotFoundError", "pip install no_such_thing"]),
    ("def f():\n    f()\nf()\n", ["m.py", "RecursionError"]),
    ("import symgrad as sg\nx = sg.data('x', 3) @ sg.data('y', 4)\n", ["line 2", "ShapeError", "x", "y", "3", "4"]),
    ("import symgrad as sg\nloss = sg.sum(sg.data('x', 3))\npredict = 1\n", ["predict is an int, not a tensor"]),
    ("import symgrad as sg\nloss = sg.sum(sg.parameter('x', 3))\nwrt = 'x'\n", ["wrt must be a tensor"]),
])
def test_model_file_that_is_none(here, text, words):
    Path("m.py").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(call("derive", "m.py"), "m.py", *words)
    refused(call("train", "m.py"), "m.py", *words)
    assert [p.name for p in here.iterdir() if p.name != "__pycache__"] == ["m.py"]


def test_model_file_may_import_its_neighbours_and_print(here):
    Path("neighbour_of_model.py").write_text("size = 3\n")
    Path("m.py").write_text("from neighbour_of_model import size\nimport symgrad as sg\nprint('hello')\n"
                            "loss = sg.sum(sg.parameter('w', size) ** 2)\n")
    before = list(sys.path)
    result = call("derive", "m.py")
    assert result.exit_code == 0, result.output
    assert "hello" not in result.stdout and "hello" in result.stderr
    assert sys.path == before


def test_shape_is_for_formulas(model):
    refused(call("derive", model, "--shape", "x=3"), "--shape is for a formula")
    refused(call("derive", model, "--wrt", "v"), "no symbol 'v'", "x", "y", "w", "b")


def test_a_fault_of_ours_is_told_as_one(monkeypatch):
    def broken(*args):
        raise KeyError("lost")

    monkeypatch.setattr(commands, "derivation_text", broken)
    monkeypatch.delenv("SYMGRAD_TRACEBACK", raising=False)
    refused(call("derive", *LEAST_SQUARES), "KeyError", "lost", "fault of symgrad")


# files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [["derive", "-o", "f.md"], ["draw", "-o", "f.svg"], ["generate", "-o", "f.py"]],
                         ids=lambda a: a[0])
def test_failed_write_leaves_the_old_file_and_nothing_else(here, monkeypatch, args):
    old = Path(args[-1])
    old.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    result = call(args[0], *LEAST_SQUARES, "--wrt", "w", *args[1:])
    refused(result, old.name, "no space left on device")
    assert old.read_text() == "old"
    assert list(here.iterdir()) == [here / old]


@pytest.mark.skipif(not os.path.exists("/dev/null") or os.name == "nt", reason="needs /dev/null")
def test_a_device_is_not_replaced_by_a_file():
    refused(call("derive", *LEAST_SQUARES, "-o", "/dev/null"), "device")
    assert not Path("/dev/null").is_file()


# a model file -----------------------------------------------------------------------------------------------


def test_commands_on_a_model_file(model):
    text = call("derive", model).stdout
    assert ") G_w" in text and ") G_b" in text and ") G_x" not in text
    assert call("check", model).exit_code == 0
    text = call("info", model).stdout
    assert "Points on a line" in text and "2 parameters, 3 numbers" in text and "glorot" not in text
    source = call("generate", model).stdout
    assert "import numpy" in source and "symgrad" not in [line.split()[1] for line in source.splitlines()
                                                          if line.startswith(("import", "from"))]


FILES = ["curve.svg", "formulas.md", "graph.png", "graph.svg", "history.csv", "model.npz", "train_line.py"]


def test_train_writes_everything_and_measures_at_the_end(model):
    result = call("train", model)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in Path("out/line").iterdir()) == FILES
    assert result.stdout.startswith("Points on a line")
    assert "G_w = " in result.stdout and "Backward" in result.stdout
    assert result.stdout.rstrip().splitlines()[-1].startswith("test mae: 0.")
    for name in FILES:
        assert name in result.stdout
    assert "$$" in Path("out/line/formulas.md").read_text(encoding="utf-8")
    assert len(Path("out/line/history.csv").read_text().splitlines()) == 31
    import numpy as np

    with np.load("out/line/model.npz", allow_pickle=False) as saved:
        assert sorted(saved.files) == ["b", "w"]
        np.testing.assert_allclose(saved["w"], [1, -2], atol=0.1)
    done = subprocess.run([sys.executable, "-I", "out/line/train_line.py", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_options_of_train(model):
    result = call("train", model, "--quiet", "--epochs", 2, "--batch-size", 7, "--seed", 1, "--out", "here/there")
    assert result.exit_code == 0, result.output
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["test loss", "test mae"]
    assert len(Path("here/there/history.csv").read_text().splitlines()) == 3
    again = call("train", model, "--quiet", "--epochs", 2, "--batch-size", 7, "--seed", 1, "--out", "again")
    assert again.stdout == result.stdout
    other = call("train", model, "--quiet", "--epochs", 2, "--batch-size", 7, "--seed", 2, "--out", "other")
    assert other.stdout != result.stdout


@pytest.mark.parametrize("change, words", [
    (('\ndata = {', '\nX[7, 1] = np.nan\ndata = {'), ["line.py", "x holds", "NaN", "[7, 1]"]),
    (('\ndata = {', '\nX[55, 0] = np.inf\ndata = {'), ["test_data", "x holds", "infinity", "[5, 0]"]),
    (('"y": X[:40] @ [1.0, -2.0] + 3}', '"z": X[:40, 0]}'), ["z"]),
    (('"x": X[:40]', '"x": X[:40, :1]'), ["x", "2", "1"]),
    (('"x": X[:40]', '"x": X[:39]'), ["39", "40"]),
    (('data = {"x"', 'dates = {"x"'), ["line.py", "no `data`"]),
    (("data = {", "data = 3 #{"), ["data is an int, not a dict"]),
    (("epochs, batch_size = 30, 8", "epochs = 0"), ["epochs is 0"]),
    (("sg.optim.Adam(0.1)", "3"), ["optimizer"]),
    (("sg.optim.Adam(0.1)", "sg.optim.SGD(1e30)"), ["epoch"]),
])
def test_training_that_cannot_be(model, change, words):
    assert change[0] in MODEL
    model.write_text(MODEL.replace(*change), encoding="utf-8")
    result = call("train", model, "--quiet")
    refused(result, *words)


def test_train_refuses_a_place_it_cannot_write(model):
    Path("file").write_text("")
    refused(call("train", model, "--out", "file"), "file'", "not a folder")
    refused(call("train", model, "--out", "file/x"), "file/x")
    assert sorted(p.name for p in model.parent.iterdir() if p.name != "__pycache__") == ["file", "line.py"]


STOP = """
def stop(training):
    if training.epoch == 2:
        raise KeyboardInterrupt

callbacks = [stop]
"""


def test_interrupted_training_keeps_what_it_learnt(model):
    model.write_text(MODEL + STOP, encoding="utf-8")
    result = call("train", model)
    assert result.exit_code == 130, result.output
    assert "nterrupted" in result.output
    assert sorted(p.name for p in Path("out/line").iterdir()) == FILES
    assert len(Path("out/line/history.csv").read_text().splitlines()) in (2, 3)


# the program ------------------------------------------------------------------------------------------------


def program(line, **options):
    env = {k: v for k, v in os.environ.items() if k not in ("FORCE_COLOR", "NO_COLOR", "COLUMNS")}
    return subprocess.run([sys.executable, "-m", "symgrad", *shlex.split(line)], text=True, encoding="utf-8",
                          capture_output=True, env={**env, **options.pop("env", {})}, **options)


def test_every_command_has_help():
    for command in ("derive", "explain", "draw", "generate", "train", "check", "report", "info"):
        result = call(command, "--help")
        assert result.exit_code == 0 and "Usage" in result.output, command
        assert max(map(len, result.output.splitlines())) <= 100
    assert call("--version").output.startswith("symgrad, version ")


def test_program_in_a_pipe_is_plain_text_and_quick_to_help():
    done = program("check 'sum(w**2)' --shape w=n")
    assert done.returncode == 0 and "\x1b" not in done.stdout and done.stderr == ""
    code = ("import sys; sys.argv = ['symgrad', '--help']\nfrom symgrad.shell.cli import main\ntry: main()\nexcept SystemExit:"
            " print([m for m in ('rich', 'scipy', 'matplotlib', 'sklearn', 'wasmtime', 'ziamath') if m in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("line", [
    "info", "info 'sum((X @ w - y)**2)' --shape X=n,d --shape w=d --shape y=n",
    "check 'sum((X @ w - y)**2)' --shape X=n,d --shape w=d --shape y=n --wrt w",
    "generate 'sum((X @ w - y)**2)' --shape X=n,d --shape w=d --shape y=n --wrt w --explain",
    "explain 'sum((X @ w - y)**2)' --shape X=n,d --shape w=d --shape y=n --wrt w"], ids=lambda line: line.split()[0])
def test_tables_fit_a_terminal(line, columns):
    """A terminal of 60 or 100 columns, by FORCE_COLOR: nothing is wider, and columns in which nothing stands are not there."""
    done = program(line, env={"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(columns)})
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in done.stdout.splitlines()]
    wide = [text for text in lines if len(text) > columns and not text.startswith(("returns", "loss", "all"))]
    assert wide == []
    assert not any("over" in text.split() and "symbol" in text for text in lines)


def test_lines_of_a_pipe_do_not_end_in_blanks():
    done = program("info 'sum((X @ w - y)**2)' --shape X=n,d --shape w=d --shape y=n")
    assert not any(line.endswith(" ") for line in done.stdout.splitlines())


def test_colour_is_for_those_who_want_it():
    line = "check 'sum(w**2)' --shape w=n"
    assert "\x1b[" in program(line, env={"FORCE_COLOR": "1", "TERM": "xterm"}).stdout
    assert "\x1b[3" not in program(line, env={"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "xterm"}).stdout


def test_program_says_what_is_wrong_without_traceback():
    done = program("""derive "__import__('os').system('echo hit')" """)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.startswith("Error: column ")


def test_program_survives_a_terminal_without_unicode_and_a_closed_pipe():
    done = program("derive 'sum(w**2)' --shape w=n", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0 and "Gradient of L" in done.stdout and done.stderr == ""
    done = subprocess.run(f"{sys.executable} -m symgrad derive 'sum(w**2)' --shape w=n | head -c 1", shell=True,
                          capture_output=True, text=True)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_ends_with_130(here):
    lines = ["import os, signal, time", "signal.signal(signal.SIGINT, signal.default_int_handler)",  # as in a terminal
             "os.kill(os.getpid(), signal.SIGINT)", "time.sleep(5)"]
    Path("m.py").write_text("\n".join(lines) + "\n")
    done = program("derive m.py")
    assert done.returncode == 130 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("command, file", [("derive", "d.pdf"), ("explain", "d.html")])
def test_a_format_that_the_command_does_not_write_is_refused(tmp_path, command, file):
    result = CliRunner().invoke(cli, [command, *LEAST_SQUARES, "--wrt", "w", "-o", str(tmp_path / file)])
    assert result.exit_code == 2 and not (tmp_path / file).exists()
    assert f"{Path(file).suffix} is no format of this command; known: .md" in result.output


@pytest.mark.parametrize(("shell", "word"), [("zsh", "compdef"), ("fish", "complete"), ("bash", "complete -o nosort")])
def test_shells_complete_commands_and_options(shell, word, monkeypatch):
    result = CliRunner().invoke(cli, ["--completion", shell])
    assert result.exit_code == 0 and word in result.output and "_SYMGRAD_COMPLETE" in result.output
    done = subprocess.run([sys.executable, "-m", "symgrad"], capture_output=True, text=True, env={
        **os.environ, "_SYMGRAD_COMPLETE": "bash_complete", "COMP_WORDS": "symgrad gradient --f", "COMP_CWORD": "2"})
    assert "plain,--format" in done.stdout.split(), done
