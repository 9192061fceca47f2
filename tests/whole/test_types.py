"""What an editor knows of a result: its form is that of the variables."""

import re
import subprocess
import sys

from places import ROOT

TENSOR = "symgrad.language.tensor.Tensor"
SETUP = """\
import symgrad as sg
x, v = sg.parameter("x", 3), sg.data("v", 3)
L = sg.sum(x**2)
"""
TYPES = {
    "sg.gradient(L, x)": TENSOR,
    "sg.gradient(L, [x])": f"list[{TENSOR}]",
    'sg.gradient(L, {"x": x})': f"dict[str, {TENSOR}]",
    "sg.gradient(L, sg.nn.Linear(3, 2).parameters())": f"list[{TENSOR}]",
    "sg.jacobian(x, x)": TENSOR,
    "sg.jacobian(x, (x, v))": f"tuple[{TENSOR}, {TENSOR}]",
    "sg.hessian(L, x)": TENSOR,
    "sg.hessian(L, [x])": f"list[list[{TENSOR}]]",
    'sg.hessian(L, {"x": x})': f"dict[str, dict[str, {TENSOR}]]",
    "sg.hessian(L, x, [x])": f"list[{TENSOR}]",
    "sg.hessian(L, [x], x)": f"list[{TENSOR}]",
    "sg.hvp(L, x, v)": TENSOR,
    "sg.hvp(L, [x], [v])": f"list[{TENSOR}]",
    'sg.vjp(x, {"x": x}, v)': f"dict[str, {TENSOR}]",
    "sg.jvp(x, [x], [v])": TENSOR,
    "sg.function([x], L)": "symgrad.computing.functions.Function[Any]",
    "sg.function([x], [L])([1, 2, 3])": "list[Any]",
    'sg.function([x], {"L": L})([1, 2, 3])': "dict[str, Any]",
    "sg.derive(L)": "symgrad.derivations.derivation.Derivation",
    "sg.derive(L).check()": "symgrad.derivations.checked.Check",
    "sg.optim.StepLR(30)": "symgrad.optim.pace.Schedule",
    "sg.optim.StepLR(sg.optim.SGD(0.1), 30)": "symgrad.optim.updates.Optimizer",
    "sg.draw(L)": "symgrad.drawing.pictures.render.Drawing",
}


def test_results_have_the_form_of_the_variables(tmp_path):
    program = tmp_path / "program.py"
    wrong = "sg.gradient(L, 3)"
    program.write_text(SETUP + "\n".join(f"reveal_type({call})" for call in TYPES) + f"\n{wrong}\n", encoding="utf-8")
    said = subprocess.run([sys.executable, "-m", "mypy", "--no-incremental", "--config-file", str(ROOT / "setup.cfg"),
                           str(program)], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    revealed = re.findall(r'Revealed type is "(.*)"', said)
    assert [kind.replace("builtins.", "") for kind in revealed] == list(TYPES.values()), said
    assert 'Value of type variable "Variables" of "gradient" cannot be "int"' in said
