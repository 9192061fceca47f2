"""Any number of ranks gives one rank's losses, history and parameters on all of them; what one of them does, all hear.

Ranks are threads here, with mpi4py's methods; at the end, processes under mpiexec.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import fake_cupy
import numpy as np
import pytest
from places import ROOT
from thread_ranks import on_ranks

import symgrad as sg

T = sg.dim("T")
x, y = sg.data("x", 3, over=T), sg.data("y", 2, over=T)
W, b = sg.parameter("W", (2, 3)), sg.parameter("b", 2, init=0.1)
a = sg.tanh(W @ x + b)
risk = sg.empirical_risk(sg.losses.squared_error(a, y))
LOSSES = {"mean": risk, "penalty": risk + 0.1 * sg.sum(W ** 2), "sum": T * risk + sg.sum(W ** 2),
          "likelihood": T * risk / 2 + T / 2 * sg.log(sg.sum(b ** 2) + 1) + sg.sum(abs(W)) / T}
MIXED = risk + sg.logdet(sg.eye(T) * (1 + b[0] ** 2)) / T
MEETING = {  # samples meet in sums and maxima, which all ranks know before the gradients are computed
    "largest": lambda: sg.max(sg.losses.squared_error(a, y), over=T), "least": lambda: sg.min(a[0], over=T) ** 2 + risk,
    "free energy": lambda: sg.logsumexp(-sg.losses.squared_error(a, y), over=T) - sg.log(T) + 0.1 * sg.sum(W ** 2),
    "log of a mean": lambda: -sg.log(sg.mean(sg.exp(-sg.losses.squared_error(a, y)), over=T)),
    "entropy of a mean": lambda: mixed_entropy(sg.softmax(5 * a)) + 0.1 * risk,
    "weighted by all": lambda: sg.sum(sg.exp(20 * a[0] - sg.logsumexp(20 * a[0], over=T)) * sg.losses.squared_error(a, y), over=T),
    "root": lambda: sg.sqrt(risk) + 0.1 * sg.sum(W ** 2), "log": lambda: sg.log(1 + sg.mean(a[0] ** 2, over=T)) * risk,
    "batch norm": lambda: normed(sg.nn.Linear(3, 4, bias=False), sg.nn.BatchNorm1d(4), sg.nn.Tanh(), sg.nn.Dropout(0.2),
                                 sg.nn.Linear(4, 2, bias=False), sg.nn.BatchNorm1d(2))}


def mixed_entropy(p):
    mean = sg.mean(p, over=T)
    return sg.sum(mean * sg.log(mean)) - 0.1 * sg.mean(sg.sum(p * sg.log(p)), over=T)


def normed(*layers):
    return sg.empirical_risk(sg.losses.squared_error(sg.nn.Sequential(*layers)(x), y))


RULES = {"adam": sg.optim.Adam(0.02), "momentum": sg.optim.SGD(0.02, momentum=0.9).scheduled(sg.optim.CosineLR(5)),
         "clipped": sg.optim.clip_norm(sg.optim.AdamW(0.02), 0.5), "lbfgs": sg.optim.LBFGS(), "newton": sg.optim.Newton()}


def arrays(count=53, seed=0):
    rng = np.random.default_rng(seed)
    return {"x": rng.standard_normal((count, 3)), "y": rng.standard_normal((count, 2))}


def models(loss, count, backend="numpy"):
    """As many equal models: programs are written before threads run."""
    found = [sg.Model(loss, predict=a, backend=backend, dtype="float64") for _ in range(count)]
    for model in found:
        model.stepper(arrays(5), sg.optim.SGD(0.0))
    return found


def alike(found, history, parameters):
    """Each rank has this history and these parameters."""
    for model, own in found:
        assert own.curves.keys() == history.curves.keys() and own.stopped == history.stopped
        for name, curve in history.curves.items():
            if name != "seconds":
                np.testing.assert_allclose(own.curves[name], curve, rtol=1e-12, atol=1e-12, err_msg=name)
        for name, array in parameters.items():
            np.testing.assert_allclose(model.parameters[name], array, rtol=1e-12, atol=1e-12)
        assert own.curves == found[0][1].curves


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", LOSSES)
def test_any_number_of_ranks_fits_as_one(name, backend):
    one, *others = models(LOSSES[name], 1 + 4, backend)
    given = {"epochs": 4, "batch_size": 10, "validation": 0.2, "metrics": {"error": sg.sum((a - y) ** 2)}, "progress": False}
    history = one.fit(arrays(), RULES["adam"], **given)
    for size in (2, 4):
        for model in others:
            model.parameters = {name: value.copy() for name, value in models(LOSSES[name], 1)[0].parameters.items()}
            model._course.order.bit_generator.state = np.random.default_rng((0, 1)).bit_generator.state
        found, hub = on_ranks(size, lambda comm: (others[comm.rank], others[comm.rank].fit(arrays(), RULES["adam"], **given, comm=comm)))
        alike(found, history, one.parameters)
        assert hub.messages == [8 + 3] * (4 * 5)  # one sum a step, of the gradient with the loss and two numbers behind it


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_and_parts_that_are_empty(rule):
    """Five samples in batches of two, for three ranks: one of them has often none."""
    one, *others = models(LOSSES["penalty"], 4)
    given = {"epochs": 5, "batch_size": None if rule in ("lbfgs", "newton") else 2, "progress": False}
    history = one.fit(arrays(5), RULES[rule], **given)
    found, _ = on_ranks(3, lambda comm: (others[comm.rank], others[comm.rank].fit(arrays(5), RULES[rule], **given, comm=comm)))
    alike(found, history, one.parameters)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", MEETING)
def test_samples_that_meet_in_sums_are_summed_before(name, backend):
    """Batches of five, and a last one of three: unequal parts, and for six ranks empty ones."""
    loss, given = MEETING[name](), {"epochs": 3, "batch_size": 5, "validation": 0.2, "progress": False}
    one, *others = (sg.Model(loss, backend=backend, dtype="float64") for _ in range(7))
    for model in others:
        model.stepper(arrays(5), sg.optim.SGD(0.0))
    history = one.fit(arrays(23), RULES["adam"], **given)
    found, hub = on_ranks(6, lambda comm: (others[comm.rank], others[comm.rank].fit(arrays(23), RULES["adam"], **given, comm=comm)))
    alike(found, history, one.parameters)
    source = sg.generate(loss, optimizer=sg.optim.Adam(0.02), backend=backend, dtype="float64")
    modules = [source.load() for _ in range(4)]
    alone = modules[3].train(arrays(), epochs=2, batch_size=10, log=lambda line: None)
    for params in on_ranks(3, lambda comm: modules[comm.rank].train(
            arrays(), epochs=2, batch_size=10, log=lambda line: None, comm=comm))[0]:
        for key, array in alone.items():
            np.testing.assert_allclose(params[key], array, rtol=1e-12, atol=1e-12)


def images_and_words():
    """A convolution with its batch norm and a pool, beside rows of a table with theirs; and a sum over labels alone."""
    image, word = sg.data("image", (2, 6, 6), over=T), sg.labels("word", classes=5, over=T)
    seen = sg.nn.Sequential(sg.nn.Conv2d(2, 3, 3, bias=False), sg.nn.BatchNorm2d(3), sg.nn.ReLU(), sg.nn.MaxPool2d(2),
                            sg.nn.Flatten(), sg.nn.Linear(12, 3))(image)
    read = sg.nn.BatchNorm1d(3)(sg.embedding(word, sg.parameter("E", (5, 3))))
    table = sg.embedding(word, sg.parameter("F", (5, 4)))
    return {"both": sg.losses.cross_entropy(sg.concatenate([seen + read, -read[:2]]), word),
            "words": T * sg.empirical_risk(sg.losses.cross_entropy(sg.parameter("V", (5, 4)) @ table, word))}


@pytest.mark.parametrize("name", ["both", "words"])
def test_images_and_words_are_shared(name):
    loss, rng = images_and_words()[name], np.random.default_rng(0)
    data = {"image": rng.standard_normal((13, 2, 6, 6)), "word": rng.integers(0, 5, 13)}
    data = data if name == "both" else {"word": data["word"]}
    one, *others = (sg.Model(loss, dtype="float64") for _ in range(5))
    for model in others:
        model.stepper({key: array[:5] for key, array in data.items()}, sg.optim.SGD(0.0))
    given = {"optimizer": sg.optim.SGD(0.05, momentum=0.9), "epochs": 2, "batch_size": 5, "progress": False}
    history = one.fit(data, **given)
    found, _ = on_ranks(4, lambda comm: (others[comm.rank], others[comm.rank].fit(data, **given, comm=comm)))
    alike(found, history, one.parameters)


def test_early_stopping_with_a_refit_and_a_second_fit_go_on_alike():
    one, *others = models(LOSSES["mean"], 4)

    def fit(model, comm=None):
        stop = sg.optim.EarlyStopping(2, refit=True)
        first = model.fit(arrays(), sg.optim.Adam(0.3), epochs=30, batch_size=8, validation=0.3, callbacks=[stop], progress=False, comm=comm)
        second = model.fit(arrays(), sg.optim.Adam(0.3), epochs=2, progress=False, comm=comm)
        assert first.best_epoch == one_best[0] if one_best else True
        return model, sg.History({name: [*first.curves[name], *second.curves.get(name, ())] for name in first.curves}, stopped=first.stopped)

    one_best = []
    _, history = fit(one)
    assert len(history) < 32
    found, _ = on_ranks(3, lambda comm: fit(others[comm.rank], comm))
    alike(found, history, one.parameters)


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_masks_of_dropout_do_not_depend_on_the_number_of_ranks(backend):
    h = sg.dropout(sg.tanh(W @ x), 0.3) @ sg.parameter("V", (2, 2))
    for loss in (sg.empirical_risk(sg.losses.squared_error(h, sg.dropout(y, 0.5))), T * sg.empirical_risk((h @ y) ** 2) + W[0, 0] ** 2):
        ms = [sg.Model(loss, backend=backend, dtype="float64") for _ in range(6)]
        for model in ms:
            model.stepper(arrays(5), sg.optim.SGD(0.0))
        given = {"epochs": 3, "batch_size": 9, "progress": False}
        history = ms[5].fit(arrays(), **given)
        found, _ = on_ranks(5, lambda comm: (ms[comm.rank], ms[comm.rank].fit(arrays(), **given, comm=comm)))
        alike(found, history, ms[5].parameters)
        module, other = (sg.generate(loss, backend=backend, dtype="float64").load() for _ in range(2))
        one = module.train(arrays(), epochs=2, log=lambda line: None)
        (first, second), _ = on_ranks(2, lambda comm: (module, other)[comm.rank].train(arrays(), epochs=2, log=lambda line: None, comm=comm))
        for name, array in one.items():
            np.testing.assert_allclose(first[name], array, rtol=1e-12, atol=1e-12)
            np.testing.assert_array_equal(first[name], second[name])


def test_data_without_samples_are_fitted_by_all():
    n = sg.dim("n")
    X, z, w = sg.data("X", (n, 3)), sg.data("z", n), sg.parameter("w", 3)
    loss, given = sg.sum((X @ w - z) ** 2) + w @ w, {"X": arrays()["x"], "z": arrays()["y"][:, 0]}
    ms = [sg.Model(loss, dtype="float64") for _ in range(4)]
    history = ms[3].fit(given, sg.optim.SGD(1e-3), epochs=5, progress=False)
    found, _ = on_ranks(3, lambda comm: (ms[comm.rank], ms[comm.rank].fit(given, sg.optim.SGD(1e-3), epochs=5, progress=False, comm=comm)))
    alike(found, history, ms[3].parameters)


@pytest.mark.parametrize("backend", ["numpy", "c"])
@pytest.mark.parametrize("name", LOSSES)
def test_generated_programs_train_on_ranks(name, backend, tmp_path):
    source = sg.generate(LOSSES[name], optimizer=sg.optim.Adam(0.02), backend=backend, dtype="float64")
    modules, said = [source.load() for _ in range(5)], []
    one = modules[4].train(arrays(), epochs=3, batch_size=10, log=said.append)
    found, _ = on_ranks(4, lambda comm: modules[comm.rank].train(
        arrays(), epochs=3, batch_size=10, log=lambda line: said.append((comm.rank, line)), comm=comm,
        checkpoint=tmp_path / f"{comm.rank}.npz"))
    for params in found:
        for key in one:
            np.testing.assert_allclose(params[key], one[key], rtol=1e-12, atol=1e-12)
    assert [rank for rank, _ in said[3:]] == [0, 0, 0]  # the first one shows and writes
    assert [line.split("s")[0] for line in said[:3]] == [line.split("s")[0] for _, line in said[3:]]
    assert [path.name for path in tmp_path.iterdir()] == ["0.npz"]


@pytest.mark.parametrize("level", ["plain", "fused"])
@pytest.mark.parametrize("name", ["mean", "sum", "root"])
def test_on_gpus_the_message_goes_by_nccl(name, level, monkeypatch):
    """CuPy is a stand-in here, and NCCL the sum of threads."""
    loss = MEETING[name]() if name in MEETING else LOSSES[name]
    for module in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, module, None)
    cupy = fake_cupy.install(sys.modules)
    comms, sums = {}, []

    def init_process_group(n_devices, rank, *, backend="nccl", host=None, port=None, use_mpi=False):
        assert use_mpi and n_devices == 3

        def all_reduce(sent, found):
            host = found.get()
            comms[rank].Allreduce(sent.get(), host)
            found[...] = cupy.asarray(host)
            sums.append(rank)

        return SimpleNamespace(all_reduce=all_reduce)

    monkeypatch.setitem(sys.modules, "cupyx.distributed", SimpleNamespace(init_process_group=init_process_group))
    one = sg.Model(loss, dtype="float64")
    history = one.fit(arrays(), RULES["adam"], epochs=2, batch_size=20, progress=False)
    others = [sg.Model(loss, dtype="float64", backend="cupy", level=level) for _ in range(3)]
    for model in others:
        model.stepper(arrays(5), sg.optim.SGD(0.0))

    def fit(comm):
        comms[comm.rank] = comm
        return others[comm.rank], others[comm.rank].fit(arrays(), RULES["adam"], epochs=2, batch_size=20, progress=False, comm=comm)

    found, _ = on_ranks(3, fit)
    assert [type(each) for each in found] == [tuple] * 3, found
    for model, own in found:
        np.testing.assert_allclose(own["loss"], history["loss"], rtol=1e-12)
        for key, array in one.parameters.items():
            np.testing.assert_allclose(model.parameters[key], array, rtol=1e-11, atol=1e-12)
    assert len(sums) == 3 * 2 * 3

    modules = [sg.generate(loss, optimizer=RULES["adam"], backend="cupy", level=level, dtype="float64").load() for _ in range(3)]

    def train(comm):
        comms[comm.rank] = comm
        return modules[comm.rank].train(arrays(), epochs=2, batch_size=20, log=lambda line: None, comm=comm)

    found, _ = on_ranks(3, train)
    wanted = sg.generate(loss, optimizer=RULES["adam"], dtype="float64").load().train(arrays(), epochs=2, batch_size=20, log=lambda line: None)
    for params in found:
        for key, array in wanted.items():
            np.testing.assert_allclose(params[key].get(), array, rtol=1e-11, atol=1e-12)


# what is refused, what fails --------------------------------------------------------------------------------


def test_samples_that_meet_are_refused_by_name():
    ms = models(MIXED, 2)
    found, _ = on_ranks(2, lambda comm: ms[comm.rank].fit(arrays(), progress=False, comm=comm))
    module = sg.generate(MIXED, dtype="float64").load()
    found += on_ranks(2, lambda comm: module.train(arrays(), comm=comm))[0]
    for error in found:
        assert "several ranks cannot share a batch of this loss: the number of samples is the size of an ordinary " \
               "axis, in (1 + b_0²) I" in str(error)
    assert [type(error) for error in found] == [sg.SymgradError] * 2 + [ValueError] * 2
    assert len(ms[0].fit(arrays(), epochs=2, progress=False)) == 2
    (history,), _ = on_ranks(1, lambda comm: ms[0].fit(arrays(), epochs=2, progress=False, comm=comm))
    assert len(history) == 2  # one rank shares with nobody


def test_what_is_no_communicator_is_refused():
    with pytest.raises(sg.SymgradError, match="comm must be a communicator of mpi4py, such as MPI.COMM_WORLD, not 2"):
        models(risk, 1)[0].fit(arrays(), comm=2)


@pytest.mark.parametrize(("change", "what"), [
    (lambda m: {"data": arrays(seed=m)}, "data"), (lambda m: {"epochs": 3 + m}, "arguments"),
    (lambda m: {"optimizer": sg.optim.Adam(0.1 * (1 + m))}, "arguments"), (lambda m: {"validation": arrays(9, seed=m)}, "validation data"),
])
def test_ranks_that_do_not_do_the_same_are_told(change, what):
    ms = models(risk, 3)
    found, hub = on_ranks(3, lambda comm: ms[comm.rank].fit(**{
        "data": arrays(), "epochs": 3, "progress": False, **change(comm.rank == 1)}, comm=comm))
    assert [str(error) for error in found] == [f"fit: the {what} of rank 1 differ from those of rank 0; every rank passes the whole "
                                              "data and the same arguments, and takes its part of each batch by itself"] * 3
    assert hub.messages == []


def failing(kind, epoch):
    """A callback of rank 1 that fails."""
    def call(training):
        if training.epoch == epoch:
            raise kind("no room on the disk")

    return call


def test_an_error_on_one_rank_ends_all():
    for when in (lambda m: {"data": {"x": arrays()["x"]}}, lambda m: {"callbacks": [failing(OSError, 2)]}):
        ms = models(risk, 3)
        found, _ = on_ranks(3, lambda comm: ms[comm.rank].fit(**{
            "data": arrays(), "epochs": 3, "progress": False, **(when(1) if comm.rank == 1 else {})}, comm=comm))
        assert type(found[1]) in (sg.DataError, OSError)
        for error in (found[0], found[2]):
            assert str(error).startswith(f"fit: rank 1 failed, so this one ends, too: {type(found[1]).__name__}: ")


def test_an_error_within_a_step_ends_all():
    ms = models(risk, 3)
    program = ms[1]._programs.training(sg.optim.Adam())
    right, calls = program.gradients, []

    def gradients(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise MemoryError("no room")
        return right(*arguments)

    program.gradients = gradients
    found, _ = on_ranks(3, lambda comm: ms[comm.rank].fit(arrays(), epochs=3, batch_size=20, progress=False, comm=comm))
    assert type(found[1]) is MemoryError
    assert {str(found[k]) for k in (0, 2)} == {"fit: rank 1 failed, so this one ends, too: MemoryError: no room"}


@pytest.mark.parametrize("place", ["gradients_of_part", "stage_1_of_part", "stage_3_of_part"])
def test_an_error_between_two_sums_ends_all(place):
    loss = MEETING["batch norm"]()
    ms = [sg.Model(loss, dtype="float64") for _ in range(3)]
    for model in ms:
        model.stepper(arrays(5), sg.optim.SGD(0.0))
    program = ms[1]._programs.training(sg.optim.Adam())
    right, calls = vars(program)[place], []

    def wrong(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise MemoryError("no room")
        return right(*arguments)

    setattr(program, place, wrong)
    found, _ = on_ranks(3, lambda comm: ms[comm.rank].fit(arrays(), epochs=3, batch_size=20, progress=False, comm=comm))
    assert type(found[1]) is MemoryError
    assert {str(found[k]) for k in (0, 2)} == {"fit: rank 1 failed, so this one ends, too: MemoryError: no room"}


def test_ctrl_c_on_one_rank_and_a_callback_that_stops_end_all_alike():
    for end in (failing(KeyboardInterrupt, 2), lambda training: training.epoch == 2 and training.stop("enough")):
        ms = models(risk, 3)
        found, _ = on_ranks(3, lambda comm: ms[comm.rank].fit(
            arrays(), epochs=5, progress=False, callbacks=[end] if comm.rank == 1 else [], comm=comm))
        assert {history.stopped for history in found} in ({"interrupted in epoch 2"}, {"enough"})
        assert len({len(history) for history in found}) == 1
        for model in ms[1:]:
            np.testing.assert_array_equal(model.parameters["W"], ms[0].parameters["W"])


def test_losses_that_diverge_do_so_on_all():
    ms = models(sg.empirical_risk(sg.losses.squared_error(W @ x + b, y)), 3)
    found, _ = on_ranks(3, lambda comm: ms[comm.rank].fit(arrays(), sg.optim.SGD(1e9), epochs=99, progress=False, comm=comm))
    assert {type(error) for error in found} == {sg.DivergenceError} and len({str(error) for error in found}) == 1


# processes --------------------------------------------------------------------------------------------------


MPIEXEC = shutil.which("mpiexec", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
SCRIPT = r"""
import sys
import numpy as np
from mpi4py import MPI
sys.path[:0] = [{tests!r}, {support!r}]
import symgrad as sg
from test_ranks import LOSSES, MEETING, MIXED, arrays, a

comm = MPI.COMM_WORLD
for backend in ("numpy", "c"):
    for loss in [*LOSSES.values(), MEETING["batch norm"]()]:
        one, model = (sg.Model(loss, predict=None if "gamma" in str(loss) else a, backend=backend, dtype="float64") for _ in range(2))
        given = dict(epochs=3, batch_size=10, validation=0.2, progress=False)
        alone, shared = one.fit(arrays(), **given), model.fit(arrays(), **given, comm=comm)
        for curve in ("loss", "val_loss", "gradient_norm"):
            np.testing.assert_allclose(shared[curve], alone[curve], rtol=1e-12)
        for name in one.parameters:
            np.testing.assert_allclose(model.parameters[name], one.parameters[name], rtol=1e-12, atol=1e-12)
        program = sg.generate(loss, dtype="float64", backend=backend).load()
        quiet = lambda line: None
        for name, array in program.train(arrays(), epochs=3, log=quiet).items():
            np.testing.assert_allclose(program.train(arrays(), epochs=3, log=quiet, comm=comm)[name], array, rtol=1e-12, atol=1e-12)
try:
    sg.Model(MIXED).fit(arrays(), comm=comm)
except sg.SymgradError as error:
    assert "cannot share a batch" in str(error)
print(f"rank {{comm.Get_rank()}} agrees\n", end="", flush=True)
"""
WAITING = r"""
import os
import sys
from mpi4py import MPI
sys.path[:0] = [{tests!r}, {support!r}]
import symgrad as sg
from test_ranks import LOSSES, arrays

def told(training):
    if training.epoch == 3:
        print(f"running {{MPI.COMM_WORLD.Get_rank()}} {{os.getpid()}}\n", end="", flush=True)

model = sg.Model(LOSSES["mean"], dtype="float64")
history = model.fit(arrays(), epochs=10**7, progress=False, callbacks=[told], comm=MPI.COMM_WORLD)
print(f"ended {{history.interrupted}} {{len(history)}} {{float(model.parameters['W'].sum()).hex()}}\n", end="", flush=True)
"""
processes = pytest.mark.skipif(MPIEXEC is None, reason="needs pip install 'symgrad[mpi]' mpich")


def script(tmp_path, text):
    path = tmp_path / "ranks.py"
    path.write_text(text.format(tests=str(ROOT / "tests" / "training"), support=str(ROOT / "tests" / "support")), encoding="utf-8")
    return path


@processes
def test_processes_agree(tmp_path):
    pytest.importorskip("mpi4py")
    done = subprocess.run([MPIEXEC, "-n", "3", sys.executable, script(tmp_path, SCRIPT)], cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(done.stdout.splitlines()) == [f"rank {rank} agrees" for rank in range(3)]


@processes
def test_a_program_trains_on_ranks_by_itself(tmp_path):
    pytest.importorskip("mpi4py")
    sg.generate(LOSSES["penalty"], optimizer=sg.optim.Adam(0.02), dtype="float64").save(tmp_path / "train.py")
    np.savez(tmp_path / "data.npz", **arrays())
    found = []
    for words in ([], [MPIEXEC, "-n", "3"]):
        more = ["--ranks", "--output", "shared.npz"] if words else ["--output", "alone.npz"]
        done = subprocess.run([*words, sys.executable, "train.py", "data.npz", "--epochs", "3", *more], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == 4, done.stdout + done.stderr
        found.append(dict(np.load(tmp_path / more[-1])))
    for name, array in found[0].items():
        np.testing.assert_allclose(found[1][name], array, rtol=1e-12, atol=1e-12)
    alone = "import sys; sys.modules['mpi4py'] = None; import train; train.main(['data.npz', '--ranks'])"
    done = subprocess.run([sys.executable, "-c", alone], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "mpi4py" in done.stderr and "Traceback" not in done.stderr


@processes
def test_ctrl_c_of_one_process_ends_all(tmp_path):
    pytest.importorskip("mpi4py")
    run = subprocess.Popen([MPIEXEC, "-n", "2", sys.executable, script(tmp_path, WAITING)], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        ready = sorted(run.stdout.readline().split()[1:] for _ in range(2))
        time.sleep(0.1)
        os.kill(int(ready[1][1]), signal.SIGINT)
        ended = [run.stdout.readline() for _ in range(2)]
        assert ended[0] == ended[1] and ended[0].startswith("ended True ")
        assert run.wait(60) == 0
    finally:
        run.kill()
