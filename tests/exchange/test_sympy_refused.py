"""What SymPy can write and no tensor holds is refused by name, and nothing of it becomes a number in silence."""

import pytest
import sympy as sp

import symgrad as sg

x, z = sp.Symbol("x"), sp.Symbol("z", complex=True)


@pytest.mark.parametrize(("expression", "message"), [
    (sp.Float("1e5000"), "this number is beyond the largest that can be computed with"),
    (sp.Float("-1e5000") * x, "this number is beyond the largest that can be computed with"),
    (sp.Float("1e-5000") * x, "this number is beyond the smallest that can be computed with"),
    (sp.Rational(1, 10**400) + x, "this number is beyond the smallest that can be computed with"),
    (sp.DiracDelta(x), r"DiracDelta\(x\) \(DiracDelta\): this is no function: it has no values at points"),
    (sp.diff(sp.Heaviside(x), x) + x, "this is no function: it has no values at points"),
    (sp.SingularityFunction(x, 1, 2), "this is no function"),
    (z + 1, r"z \(Symbol\): a symbol that is declared complex, and tensors are real; declare it real=True"),
    (sp.Symbol("i", imaginary=True), "a symbol that is not real"),
    (sp.Limit(sp.sin(x) / x, x, 0), r"\(Limit\): this class is not read; where SymPy can, .doit\(\) gives what it stands for"),
    (sp.Integral(x, (x, 0, 1)), r"\(Integral\): this class is not read; where SymPy can"),
    (sp.Subs(x**2, x, 3), r"\(Subs\): this class is not read; where SymPy can"),
    (sp.Order(x), "this class is not read"),
])
def test_refused(expression, message):
    with pytest.raises(sg.SymgradError, match=message):
        sg.from_sympy(expression)


def test_what_is_real_stays_as_it_is():
    assert sg.from_sympy(sp.conjugate(x) * sp.re(x)) == sg.from_sympy(x * x)
    assert sg.from_sympy(sp.Integer(10) ** 400 * x / sp.Integer(10) ** 400) is sg.from_sympy(x)
    assert sg.from_sympy(sp.Symbol("r", complex=True, extended_real=True)).name == "r"
