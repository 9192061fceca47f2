"""Texts of a user in a program: each comes back from the language as it was, and nothing of it is code."""

import ast
import io
import re
import tokenize

import numpy as np
import pytest
import sympy as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.python.identifiers import Identifiers, identifier
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, docstring, in_c_comment, in_comment, in_docstring, literal

SPECIAL = st.text(st.sampled_from(list("\"'\\\n\r\0 \t\x0c\u2028*/#{}()[]%$,= ab_Δ\ud800\uffff\u0301")), max_size=30)
TEXTS = st.one_of(SPECIAL, st.text(max_size=30))


@given(TEXTS)
@settings(deadline=None)
def test_literals_blocks_and_docstrings_read_back_as_the_text(text):
    assert ast.literal_eval(literal(text)) == text and "\n" not in literal(text)
    assert ast.literal_eval(block(text)) == text
    assert ast.literal_eval(f'"""{in_docstring(text)}"""') == text
    assert ast.literal_eval(f'"""One step of {in_docstring(text)} on a batch."""') == f"One step of {text} on a batch."


@given(st.lists(TEXTS.map(lambda t: t.replace("\n", " ")), min_size=1, max_size=3))
@settings(deadline=None)
def test_a_docstring_is_all_that_a_function_holds(lines):
    (function,) = ast.parse("\n".join(["def f():", *docstring(lines, "    ")])).body
    assert len(function.body) == 1 and isinstance(function.body[0], ast.Expr)
    inside = ast.literal_eval(function.body[0].value)
    assert [line.strip() for line in inside.rstrip("\n ").split("\n")] == [line.strip() for line in lines] or not lines[-1].strip()


@given(TEXTS)
@settings(deadline=None)
def test_a_comment_is_one_comment(text):
    line = f"x = 1  # {in_comment(text)}\n"
    kinds = [token.type for token in tokenize.generate_tokens(io.StringIO(line).readline)]
    assert kinds.count(tokenize.COMMENT) == 1 and kinds.count(tokenize.NEWLINE) == 1
    assert len(ast.parse(line).body) == 1
    inside = f"/* {in_c_comment(text)} */"
    assert inside.index("*/") == len(inside) - 2 and len(inside.splitlines()) == 1 and "/*" not in inside[2:]


@given(st.lists(TEXTS, min_size=1, max_size=8), st.integers(20, 60))
@settings(deadline=None)
@example(["loss, train", "train) loss", "a]b", 'a" + "b', " = "], 30)
def test_long_lines_break_outside_texts_alone(keys, width):
    statement = f"result = {{{', '.join(f'{literal(key)}: {i}' for i, key in enumerate(keys))}}}"
    text = "\n".join(["if True:", *wrap_line(statement, "    ", width)])
    found = {}
    exec(text, found)
    assert found["result"] == {key: i for i, key in enumerate(keys)}


@given(TEXTS)
@settings(deadline=None)
@example("e{\u0301")  # letter and accent come together where the brace goes
@example("\ufb01")
def test_an_identifier_is_one_and_stays_what_it_is(name):
    text = identifier(name)
    assert text.isidentifier() and identifier(text) == text
    assert ast.parse(text).body[0].value.id == text, "the parser normalises it to itself"
    scope = Identifiers()
    assert len({scope.fresh(name), scope.fresh(name), scope.fresh(text)}) == 3


CODE = '__import__("pathlib").Path("ran").touch()'
EVIL = f"ARRAYS[{CODE}]"
WITHOUT_MALICE = ["in", "lambda", "class", "d'", "|V|", "h-1", "n_{hid}", "d^2", "slot", "state", "t", "lr", "L", "W", "x", "_rows"]


@pytest.mark.parametrize(("backend", "name"), [*(("numpy", name) for name in (EVIL, *WITHOUT_MALICE)),
                                               *(("c", name) for name in (EVIL, "in", "d'", "state", "t", "L", "_rows"))])
def test_sizes_of_any_name_are_sizes(backend, name, tmp_path, monkeypatch):
    """In a program sizes are variables: `t` is the number of the step too, `L` where the loss lies."""
    monkeypatch.chdir(tmp_path)
    fitted = {}
    for size in (name, "plain"):
        T, h = sg.dim("T"), sg.dim(size)
        x, y, W = sg.data("x", 3, over=T), sg.data("y", h, over=T), sg.parameter("W", (h, 3), init="ones")
        loss = sg.losses.mse(sg.tanh(W @ x), y)
        data = {"x": np.arange(12.0).reshape(4, 3) / 9, "y": np.arange(8.0).reshape(4, 2) / 7}
        program = sg.generate(loss, optimizer=sg.optim.Adam(0.1), backend=backend).load()
        fitted[size] = program.train(data, epochs=3, log=lambda line: None)["W"]
        model = sg.Model(sg.losses.mse(sg.sum(sg.data("x", 3, over=h) * sg.parameter("w", 3)), sg.data("z", (), over=h)),
                         backend=backend)
        model.fit({"x": data["x"], "z": np.ones(4)}, epochs=1, progress=False)
        assert sg.function([W, x], W @ x, backend=backend)(np.ones((2, 3)), data["x"]).shape == (4, 2)
    assert np.array_equal(fitted[name], fitted["plain"])
    assert not (tmp_path / "ran").exists()


HOSTILE = [f'a"""+str({CODE})+"""b', f'a"""+str({CODE})+r"""b', f'W"] if {CODE} else state["params"]["b', "*\\", "a\\", '"', 'a"', "%s", "%(prog)s",
           "{0}", "$x", "a]b", "math", "np", "_c", "_rows", "_address", "_refuse", "state", "batch", "slot", "rooms", "_erf", "C1",
           "step", "LARGE", "self", "x" * 300]


@pytest.mark.parametrize(("backend", "name"), [*(("numpy", name) for name in HOSTILE),
                                               *(("c", name) for name in (*HOSTILE[1:4], "math", "_c", "_rows", "state", "x" * 300))])
def test_names_of_data_parameters_and_tensors_are_texts(backend, name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    T = sg.dim("T")
    y, fitted = sg.data("y", 2, over=T), []
    for data, parameter, tensor in ((name, "W", "h"), ("x", name, "h"), ("x", "W", name), ("x", "W", "h")):
        x, W = sg.data(data, 3, over=T), sg.parameter(parameter, (2, 3), init="ones")
        h = sg.elementwise(sp.erf(sp.Symbol("q")), W @ x).named(tensor)
        loss = sg.losses.mse(h, y)
        arrays = {data: np.arange(12.0).reshape(4, 3) / 9, "y": np.arange(8.0).reshape(4, 2) / 7}
        program = sg.generate(loss, predict=h, optimizer=sg.optim.Adam(0.1), backend=backend).load()
        fitted.append(program.train(arrays, epochs=2, log=lambda line: None)[parameter])
        with pytest.raises(SystemExit) as ended:
            program.main(["--help"])
        assert ended.value.code == 0
        f = sg.function([x, W], {name: h}, backend=backend)
        assert f(**{data: arrays[data], parameter: np.ones((2, 3))})[name].shape == (4, 2)
    assert name in " ".join(capsys.readouterr().out.split()) or len(name) > 30
    assert all(np.array_equal(each, fitted[-1]) for each in fitted)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_keys_of_outputs_are_any_texts(backend):
    x = sg.data("x", 3)
    keys = ["loss, train", "train) loss", "a]b", "", " ", "\0", "\n", 'quote "', "\\", "x" * 300, "\ud800", *map(str, range(9))]
    f = sg.function([x], {key: sg.sum(x) * (i + 1) for i, key in enumerate(keys)}, backend=backend)
    assert f([1, 1, 1]) == {key: 3.0 * (i + 1) for i, key in enumerate(keys)}


@pytest.mark.parametrize("backend", ["numpy", "c", "cupy"])
def test_every_name_of_a_program_is_taken_before_constants_get_theirs(backend):
    T = sg.dim("T")
    x, t = sg.data("x", 4, over=T), sg.labels("t", 3, over=T)
    net = sg.nn.Sequential(sg.nn.Linear(4, 5), sg.nn.Dropout(0.5), sg.nn.BatchNorm1d(5), sg.nn.Linear(5, 3))
    loss = sg.empirical_risk(sg.losses.cross_entropy(net(x), t))
    text = sg.generate(loss, outputs=net(x), optimizer=sg.optim.Adam(0.1), backend=backend).text
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {(each.asname or each.name).split(".")[0] for each in node.names}
        else:
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for name in sorted(names):
        a = sg.parameter("a", 3)
        again = sg.sum(sg.constant([1.0, 2.0, 3.0], name) * a ** 2)
        again = again + loss if name.startswith("stage_") else again  # only where there are stages
        program = sg.generate(again, optimizer=sg.optim.SGD(0.1), backend=backend).text
        assert len(re.findall(rf"^{name} = np\.array\(|^{name} = cp\.array\(", program, re.MULTILINE)) == 0, name
