"""Every example runs as a user runs it, says what its docstring promises, and the digits are learnt."""

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
import warnings

import numpy as np
import pytest
from click.testing import CliRunner
from places import EXAMPLES

from symgrad.shell.cli import cli

# One line that only a right result prints, for each example that is a script.
PROMISES = {
    "affine_three_ways": ["closed_form  loss 2859.696348, b = 152.1335", "coordinate   loss 2859.696348, b = 152.1335",
                          "all agree: True", "LinearRegression: True", "by 0.99575 a step at best"],
    "breast_cancer": ["6 networks compared", "nobody has seen, more than 95 %: True", "classes: benign, malignant",
                      "own layers: softmax(Wout (x ⊙ σ(Wgate x + bgate)) + bout)", "more than 95 %, too: True"],
    "china_compressed": ["given V:  U = X Vᵀ (V Vᵀ)⁻¹", "the loss never rises: True"],
    "digits_in_parts": ["nothing is negative: True", "the loss is linear in Z, which goes to a vertex (simplex)",
                        "as scikit-learn's KMeans: True"],
    "diabetes": ["loss: 1/T ∑_t (W₁ x_t + b₁ - (y_t - m)/s)²", "as scikit-learn's LinearRegression: True",
                 "(442, 2), R² of both above 0.4: True", "predicts m + s ⊙ (W₂ tanh(W₁ x + b₁) + b₂)"],
    "iris_mixture": ["then p = 1/sum(r) rᵀ 1\nmu = diag(1/(rᵀ 1)) rᵀ X", "the loss never rises: True",
                     "as scikit-learn's GaussianMixture: True", "whose component is their species: 96.7%"],
    "lasso_by_admm": ["is sign(w) ⊙ max(|w| - s λ, 0)", "kept at the largest λ: bmi, bp, s3, s5", "(Xᵀ X + n ρ I)⁻¹"],
    "canyon": ["curvatures: 0.97 along the canyon, 23.03 across", "gradient descent: crosses the canyon 30 times in 30 steps",
               "momentum: crosses the canyon 8 times in 30 steps, each step leaves 0.866 of the error; loss 0.5182"],
    "equivalent_minima": ["loss along the orbit of scales: ", "loss of the network 0.0e+00, of its twin 0.0e+00",
                          "the landscape is its own mirror image: True"],
    "lecture_backprop": ["G_x³ = W⁴ᵀ G_a⁴", "G_W¹ = G_a¹ x⁰ᵀ", "all 27 steps hold"],
    "lecture_framework": ["dy/da = 2 a    at [1, 2, 3]: [2. 4. 6.]", "G_x¹ = W₂ᵀ G_a²", "θ ← θ - η m̂ / (√v̂ + ε)",
                          "step 500: loss 0.0000"],
    "logistic_by_newton": ["Xᵀ diag(s^⊙2 ⊙ σ(s ⊙ (X w + b)) ⊙ σ(-s ⊙ (X w + b))) X", "convex  = True",
                           "λ = 1: loss 81.640725044", "λ = 0: loss 73.065209217",
                           "as scikit-learn's LogisticRegression: True; 94.9% of the tumours"],
    "minibatch_noise": ["4096 samples, 212 parameters", "the deviation falls like batch^-0.50"],
    "minimisers_at_work": ["Rosenbrock: (1 - p)² + 100 (q - p²)²", "in the picture: minimum 1\n",
                           "in the picture: maximum 1, minimum 4, saddle 4"],
    "newton_basins": ["58 % of all starts end in a minimum", "half of them within 5 steps"],
    "rates": ["rate: Max(sqrt(mu), Abs(-eta*h + mu + 1)/2 + sqrt(Max(0, -4*mu + (-eta*h + mu + 1)**2))/2)",
              "best step without momentum: 0.1818, rate 0.8182", "best step and momentum: 0.2309, 0.2699, rate 0.5195",
              "42 rates measured, at most 0.0 % from those predicted"],
    "regression_from_text": ["since the loss is a sum of squares, |y - b₁ (1 - exp(-b₂ x))|²",
                             "b1 = 238.94212918 ± 2.70701", "b2 = 0.00055015643181 ± 7.26687e-06",
                             "residual sum of squares 0.12455138894"],
    "search_digits": ["random: ", "genetic: ", "the best one reads nine of ten images that nobody has seen: True"],
    "lecture_least_squares": ["∇g = 2/T Wᵀ (W θ - y)", "H  = 2/T Wᵀ W", "∇g = 0 at θ = (Wᵀ W)⁻¹ Wᵀ y", "pseudoinverse: True", "so a minimum",
                              "a = (∑_t x_t (y_t - 1/T ∑_s y_s))/(∑_t x_t (x_t - 1/T ∑_s x_s))",
                              "step 80: loss  3890.457, a = 45.160, b = 152.133"],
}
NETWORKS = {  # examples/networks
    "lenet": ["a¹ = K₁ ⋆_{p=1} x + b₁ ", "v₁ = maxpool_2(x¹) ", "G_v₁ = K₂ᵀ ⋆_{p=1} G_a² ", "G_K₂ = G_a² ⋆_{p=1} v₁ ",
              "G_x¹ = unpool_2(G_v₁, x¹ = v₁) ", "of 599 images that nobody has seen, more than 96 % are read: True"],
    "mlp": ["G_x² = W₃ᵀ G_a³ ", "of 599 images that nobody has seen, more than 96 % are read: True"],
    "resnet": ["x̂₁ = [(v₁_ijkl - μ₁_i)/√(σ₁²_i + 1e-5)]_ijkl ", "G_x¹ = K₂ᵀ ⋆_{p=1} G_a² + G_v₄ ",
               "of 599 images that nobody has seen, more than 96 % are read: True"],
    "unet": ["v₃ = [x²; upsample_2(x³)] ", "a⁵ = K₅ᵀ ⋆_{s=2} x⁴ + b₅ ", "G_x³ = sumpool_2(G_v₃[16:]) ",
             "G_x⁴ = K₅ ⋆_{s=2} G_a⁵ ", "of the noise, less than a fifth is left: True"],
    "gpt": ["S₁ = [1/√8 Q₁_i K₁_iᵀ]_i ", "A₁ = softmax(M₁) ", "O₁ = [A₁_i V₁_i]_i ", "G_V₂ = [A₂_iᵀ G_{O₂,i}]_i ",
            "after 60 steps the loss of text that it has not seen is 3.0"],
    "rnn": ["h_t = tanh(W_ih x_t", "more than 93 % are read: True"],
    "gru": ["h_t = (1 - z_t) ⊙ n_t + z_t ⊙ h_{t - 1};", "more than 95 % are read: True"],
    "lstm": ["c_t = f_t ⊙ c_{t - 1}", "more than 94 % are read: True"],
    "vae": ["z = μ + ", "G_μ = G_z + μ ", "loss of images that it has not seen, below 26: True"],
    "gan": ["r = softplus(-", "nine of ten points lie on the ring: True; in all directions: True"],
    "graph": ["H = onehot(t)ᵀ diag(w) a¹[s] ", "G_a¹ = onehot(s)ᵀ diag(w) G_H[t] ", "Â = onehot(t)ᵀ diag(w) onehot(s), ",
              "H = Â X W₁ᵀ: True", "more than 29 are told right: True"],
    "diffusion": ["x^k = √ᾱ_k x⁰ + √(1 - ᾱ_k) ε ", "G_E = e_k G_v₁ᵀ ",
                  "of points made of noise, more than nine of ten lie near the moons: True"],
}
ARGUMENTS = {"networks/gpt": ["60"]}  # fewer steps


def test_no_example_is_forgotten():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*PROMISES, "digits"}
    assert {path.stem for path in (EXAMPLES / "networks").glob("*.py")} == {*NETWORKS}


def ran(name, monkeypatch, *arguments):
    """What an example prints, run as a script in this process, which has imported most of what it imports."""
    path = str(EXAMPLES / f"{name}.py")
    monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
    monkeypatch.syspath_prepend(os.path.dirname(path))
    said, complaints = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaints), warnings.catch_warnings():
        for kind in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
            warnings.simplefilter("ignore", kind)  # as Python does
        runpy.run_path(path, run_name="__main__")
    assert complaints.getvalue() == ""
    return said.getvalue()


@pytest.mark.parametrize("name", ["lecture_least_squares", "networks/mlp"])
def test_lecture_as_users_run_it(name, tmp_path):
    done = subprocess.run([sys.executable, EXAMPLES / f"{name}.py"], cwd=tmp_path, capture_output=True, text=True,
                          encoding="utf-8", env={**os.environ, "PYTHONUTF8": "1"})
    assert done.returncode == 0 and done.stderr == ""
    assert all(promise in done.stdout for promise in PROMISES.get(name) or NETWORKS["mlp"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning", "error::FutureWarning")
@pytest.mark.parametrize("name", [*PROMISES, *(f"networks/{name}" for name in NETWORKS)])
def test_lecture(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    printed = ran(name, monkeypatch, *ARGUMENTS.get(name, []))
    for promise in PROMISES[name] if name in PROMISES else NETWORKS[name.partition("/")[2]]:
        assert promise in printed
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "count"), [("newton_basins", 1), ("minimisers_at_work", 4), ("equivalent_minima", 2),
                                             ("rates", 1), ("minibatch_noise", 1), ("canyon", 2),
                                             ("regression_from_text", 1)])
def test_examples_write_their_pictures(name, count, tmp_path, monkeypatch):
    """Their text is tested above; at most 80 lines make them."""
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) <= 80
    where = tmp_path / "picture.svg" if count == 1 else tmp_path
    ran(name, monkeypatch, where)
    pictures = list(tmp_path.glob("*.svg"))
    assert len(pictures) == count and all(1000 < path.stat().st_size < 400_000 for path in pictures)


@pytest.mark.parametrize("command", ["derive", "check", "info"])
def test_the_lecture_net_is_a_model_file(command):
    result = CliRunner().invoke(cli, [command, str(EXAMPLES / "lecture_backprop.py")])
    assert result.exit_code == 0, result.output


# digits -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The output of `symgrad train examples/digits.py` and the folder it wrote."""
    folder = tmp_path_factory.mktemp("digits")
    result = CliRunner().invoke(cli, ["train", str(EXAMPLES / "digits.py"), "--out", str(folder)])
    assert result.exit_code == 0, result.output
    return result.stdout, folder


def test_digits_are_learnt(digits):
    text, _ = digits
    (accuracy,) = re.findall(r"(?m)^test accuracy: (\d+\.\d) %$", text)
    assert float(accuracy) >= 97
    assert "not MNIST" in text.splitlines()[0]
    assert "599 held out" in text and "G_W₁ = G_a¹ x⁰ᵀ" in text and "all 18 steps hold" in text


def test_digits_write_their_files(digits):
    text, folder = digits
    names = ["curve.svg", "formulas.md", "graph.png", "graph.svg", "history.csv", "model.npz", "train_digits.py"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert all(f"  {name} " in text for name in names)
    formulas = (folder / "formulas.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?m)^\$\$\n(.+?)\n\$\$$", formulas, re.S)
    assert len(blocks) > 30 and formulas.count("$$") == 2 * len(blocks)
    assert any(r"G_{W_{1}} &=" in block or r"G_{W_{1}} =" in block for block in blocks)
    assert "Adam" in formulas and r"\leftarrow" in formulas
    with np.load(folder / "model.npz", allow_pickle=False) as saved:
        assert {name: saved[name].shape for name in saved.files} == {
            "W1": (128, 64), "b1": (128,), "W2": (64, 128), "b2": (64,), "W3": (10, 64), "b3": (10,)}
        assert {saved[name].dtype.name for name in saved.files} == {"float32"}
    for name, most in (("graph.svg", 150_000), ("curve.svg", 50_000), ("graph.png", 500_000)):
        assert 1000 < (folder / name).stat().st_size < most


def test_the_program_of_the_digits_learns_alone(digits, tmp_path):
    """train_digits.py needs no symgrad: it trains in another folder, on the arrays of an .npz file."""
    _, folder = digits
    split = pytest.importorskip("sklearn.model_selection").train_test_split
    images, answers = pytest.importorskip("sklearn.datasets").load_digits(return_X_y=True)
    X, X_test, Y, Y_test = split(images / 16, answers, test_size=1 / 3, stratify=answers, random_state=0)
    np.savez(tmp_path / "train.npz", **{"x^0": X, "y": Y})
    np.savez(tmp_path / "test.npz", **{"x^0": X_test, "y": Y_test})

    def alone(*args):
        done = subprocess.run([sys.executable, "-I", folder / "train_digits.py", *args], cwd=tmp_path,
                              capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    assert "--epochs" in alone("--help")
    alone("train.npz", "--epochs", "20", "--output", "learnt.npz")
    assert "import symgrad" not in (folder / "train_digits.py").read_text(encoding="utf-8")
    with np.load(tmp_path / "learnt.npz") as p:
        x1 = np.tanh(X_test @ p["W1"].T + p["b1"])
        x2 = np.tanh(x1 @ p["W2"].T + p["b2"])
        guess = (x2 @ p["W3"].T + p["b3"]).argmax(axis=1)
    assert (guess == Y_test).mean() > 0.95
