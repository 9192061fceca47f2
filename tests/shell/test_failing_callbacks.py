"""A callback of a model file that raises: the user's own error, with file and line, and nothing learnt is lost."""

import numpy as np
import pytest
from click.testing import CliRunner

import symgrad as sg
from symgrad.shell.cli import cli

HEAD = '''import numpy as np
import symgrad as sg

T = sg.dim("T")
x, w = sg.data("x", 3, over=T), sg.parameter("w", 3)
loss = sg.empirical_risk(sg.sum((w - x) ** 2))
data = {"x": np.ones((40, 3))}
'''


def train(folder, body):
    path = folder / "net.py"
    path.write_text(HEAD + body)
    return CliRunner().invoke(cli, ["train", str(path), "--out", str(folder / "out"), "--epochs", "5", "-q"])


@pytest.mark.parametrize("body, line", [
    ("def callbacks(training):\n    if training.epoch == 3:\n        1 / 0\n", 10),
    ("import beside\ncallbacks = [lambda t: t.epoch == 3 and beside.fail()]\n", 9),
    ("class Own:\n    def __call__(self, t):\n        pass\n    def finish(self, t):\n        1 / 0\ncallbacks = Own()\n", 12),
])
def test_it_is_told_as_the_users_own_and_the_model_is_kept(body, line, tmp_path):
    (tmp_path / "beside.py").write_text("def fail():\n    return 1 / 0\n")
    result = train(tmp_path, body)
    assert result.exit_code == 2 and "fault of symgrad" not in result.stderr
    assert f"net.py, line {line}: ZeroDivisionError: division by zero" in result.stderr
    assert "raised by the callback " in result.stderr and "the model keeps what it has learnt, in " in result.stderr
    with np.load(tmp_path / "out" / "model.npz") as kept:
        assert kept["w"].all()


def test_what_is_no_fault_of_the_callback_stays_what_it_is(tmp_path):
    result = train(tmp_path, 'callbacks = sg.optim.EarlyStopping(monitor="val_loss")\n')
    assert result.exit_code == 2 and "EarlyStopping: the fit has no curve 'val_loss'" in result.stderr


def test_in_python_the_error_goes_on_with_a_note():
    T = sg.dim("T")
    model = sg.Model(sg.empirical_risk(sg.sum((sg.parameter("w", 3) - sg.data("x", 3, over=T)) ** 2)))

    def stop(training):
        raise KeyError(training.epoch)

    with pytest.raises(KeyError) as caught:
        model.fit({"x": np.ones((40, 3))}, callbacks=stop, progress=False)
    assert caught.value.__notes__[0].startswith("raised by the callback test_in_python_")
    assert model.parameters["w"].all()
