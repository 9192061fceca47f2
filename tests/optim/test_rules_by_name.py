"""What a user says of an optimiser is text: it is told, and not run."""

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symgrad as sg

CODE = '__import__("pathlib").Path("ran").touch()'


def trained(optimizer, backend):
    x, w = sg.data("x", 3, over=sg.dim("T")), sg.parameter("w", 3, init="ones")
    model = sg.Model(sg.mean(sg.exp(w) * x), backend=backend)
    model.fit({"x": np.ones((4, 3))}, optimizer=optimizer, epochs=2, progress=False)
    return model.parameters["w"]


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("text", [f'a"""+str({CODE})+"""b', f'"""\n{CODE}\n"""', "a\\", '"', "*/", "{x}", "%s"])
def test_the_name_and_what_it_is_about_are_told(text, backend, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    formulas = "m = beta*m + g\ntheta = theta - lr*m"
    plain = trained(sg.optim.rule("plain", formulas, lr=0.1, beta=0.9), backend)
    name = " ".join(text.split())
    optimizer = sg.optim.rule(name, formulas, about=text, lr=0.1, beta=0.9)
    assert np.array_equal(trained(optimizer, backend), plain)
    assert str(optimizer.formulas()).startswith(f"{name}: {name}\n")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("lr", [Fraction(1, 10), sp.Rational(1, 10), sp.Float("0.1"), np.float64(0.1)])
def test_numbers_of_every_kind(lr, backend):
    formulas = "theta = theta - lr*decay*g"
    wanted = trained(sg.optim.rule("plain", formulas, lr=0.1, decay=0.25), backend)
    assert np.array_equal(trained(sg.optim.rule("plain", formulas, lr=lr, decay=sp.Rational(1, 4)), backend), wanted)
    assert sg.optim.SGD(lr).values == {"lr": 0.1}


@pytest.mark.parametrize(("values", "formulas", "message"), [
    ({"lr": Fraction(10**400)}, "theta = theta - lr*g", "R: lr must be a finite number, not Fraction"),
    ({"lr": sp.I}, "theta = theta - lr*g", "R: lr must be a finite number, not I"),
    ({"lr": 0.1, "q\n1/0": 1}, {"theta": sp.Symbol("theta") - sp.Symbol("q\n1/0") * sp.Symbol("g")},
     "R: 'q\\n1/0' is no name of a number; a name is letters, digits and _"),
    ({"lr": 0.1, "abs": 1}, "theta = theta - lr*abs*g", "R: 'abs' has a meaning in the generated code; give it another name"),
    ({"lr": 0.1}, {"theta": sp.Symbol("theta") - sp.Function(CODE)(sp.Symbol("lr")) * sp.Symbol("g")},
     "in the formula of theta is a function that is not known; known are sqrt, exp"),
])
def test_what_is_refused(values, formulas, message):
    with pytest.raises(sg.SymgradError) as error:
        sg.optim.rule("R", formulas, **values)
    assert message in str(error.value)


def test_a_name_stays_on_its_line():
    with pytest.raises(sg.SymgradError, match="an optimiser: the name 'a.nb' holds a line break at place 1"):
        sg.optim.rule("a\nb", "theta = theta - lr*g", lr=0.1)
    with pytest.raises(sg.SymgradError, match="R, about: the name .* holds a control character"):
        sg.optim.rule("R", "theta = theta - lr*g", lr=0.1, about="\x1b[31m")
