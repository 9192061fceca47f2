"""Programs whose steps are kernels, on a stand-in for CuPy that runs them on the CPU: they train as NumPy's do."""

import copy
import pickle
import sys

import emulate
import fake_cupy
import numpy as np
import pytest
from checker import near
from kernels import ROOM
from networks import DATA, frozen_layers_stay, network

import symgrad as sg

BATCH = 12  # 40 samples: three batches, and four samples left over


@pytest.fixture(autouse=True)
def cupy(monkeypatch):
    """The stand-in in the place of CuPy, with a card that has room for kernels."""
    for name in ("cupy", "cupyx", "cupyx.scipy", "cupyx.scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(fake_cupy, "SHARED", [ROOM])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [1])
    monkeypatch.setattr(fake_cupy, "ORDER", [emulate.RANDOM])
    return fake_cupy.install(sys.modules)


def rule():
    return sg.optim.Adam(0.02)


def model(backend, level=None, dtype="float64"):
    loss, predict = network(sg.nn.Tanh())
    return sg.Model(loss, predict, backend=backend, dtype=dtype, seed=4, level=level)


@pytest.fixture(scope="module")
def source():
    loss, predict = network(sg.nn.Tanh())
    return sg.generate(loss, predict, rule(), backend="cupy", dtype="float64")


def arrays(cupy):
    return {name: cupy.asarray(np.asarray(a)) for name, a in DATA.items()}


def test_a_fit_is_that_of_numpy_and_reads_little(cupy, capsys):
    models = [model("numpy"), model("cupy")]
    settings = {"epochs": 3, "batch_size": BATCH, "progress": False, "validation": 0.2, "metrics": "accuracy"}
    histories = [each.fit(DATA, rule(), **settings) for each in models]
    for curve in ("loss", "val_loss", "accuracy", "gradient_norm"):
        near(histories[1].curves[curve], histories[0].curves[curve], 1e-10)
    for name, value in models[0].parameters.items():
        near(models[1].parameters[name], value, 1e-10)
    assert capsys.readouterr().err == ""


def test_a_program_trains_and_goes_on_as_numpys(source, cupy, tmp_path):
    loss, predict = network(sg.nn.Tanh())
    numpy = sg.generate(loss, predict, rule(), dtype="float64").load()
    program, told = source.load(), []
    options = {"batch_size": BATCH, "seed": 1, "log": told.append}
    wanted = numpy.train(DATA, 4, **options)
    found = program.train(arrays(cupy), 4, **options)
    program.train(arrays(cupy), 2, checkpoint=tmp_path / "half.npz", **options)
    resumed = program.train(arrays(cupy), 4, resume=tmp_path / "half.npz", **options)
    for name, value in wanted.items():
        near(found[name].get(), value, 1e-10)
        np.testing.assert_array_equal(found[name].get(), resumed[name].get())
    assert [line[:20] for line in told[:4]] == [line[:20] for line in told[4:8]]


def test_fused_and_plain_steps_follow_each_other(source, cupy):
    program = source.load()
    batch = [a[:BATCH] for a in arrays(cupy).values()]
    ends = []
    for order in ("fffppp", "ppppff", "ffffff"):
        state = program.begin(program.init(0))
        for letter in order:
            loss = (program.step if letter == "f" else program.plain_step)(state, batch)
            assert loss.shape == () and loss.item() == state["loss"].item()
        ends.append(state)
        assert state["t"] == 6
    for state in ends[1:]:
        for name in ("theta", "g", "m", "v"):
            near(state[name].get(), ends[0][name].get(), 1e-12)
    again = [copy.deepcopy(ends[0]), pickle.loads(pickle.dumps(ends[0].plain()))]
    losses = {program.step(state, batch).item() for state in (*again, ends[0])}
    assert len(losses) == 1
    with pytest.raises(ValueError, match="the batch does not fit: x: axis 1 has length 4, not 5"):
        program.step(ends[0], [batch[0][:, :4], batch[1]])


def test_steps_do_not_depend_on_how_launches_are_cut(source, cupy):
    program, ends = source.load(), []
    order = cupy.asarray(np.random.default_rng(0).integers(0, 40, 40 * BATCH))
    for pace in (1, 7, 64):
        program.PACE[0] = pace
        state = program.begin(program.init(0))
        losses = [loss for some in program.fused_steps(state, list(arrays(cupy).values()), order, BATCH, 0.02) for loss in some]
        ends.append((losses, state["theta"].get().tolist(), state["v"].get().tolist()))
        assert len(losses) == state["t"] == 40
    assert ends[0] == ends[1] == ends[2]


def test_a_label_out_of_range_is_told_by_name_and_the_parameters_stay(source, cupy):
    program = source.load()
    data = arrays(cupy)
    data["t"][30:31] = 3
    state = program.begin(program.init(0))
    order = cupy.asarray(np.arange(40))
    steps = program.fused_steps(state, list(data.values()), order, 10, 0.02)
    with pytest.raises(ValueError, match=r"^t: labels must lie in 0\.\.2"):
        list(steps)
    assert all(np.isfinite(value.get()).all() for value in state["params"].values())
    assert list(program.fused_steps(state, list(arrays(cupy).values()), order[:20], 10, 0.02))[0][0] < 3


def test_what_is_frozen_stays():
    frozen_layers_stay("cupy")


def test_without_room_a_line_says_so_and_the_plain_step_runs(source, cupy, capsys, monkeypatch):
    monkeypatch.setattr(fake_cupy, "SHARED", [1000])
    monkeypatch.setattr(fake_cupy, "TOGETHER", [0])
    program = source.load()
    state = program.begin(program.init(0))
    for _ in range(2):
        program.step(state, [a[:BATCH] for a in arrays(cupy).values()])
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert told.startswith("no fused step for {'T': 12}: a step keeps ")
    assert told.endswith("bytes in shared memory, and a block here has 1000; the card launches no blocks that wait for each "
                         "other; the plain step runs instead\n")
    large = program.weights(10**9), program.weights(10**9)
    assert large[0][0] > large[0][1] > program.GRID_WORK


def test_what_is_too_large_for_a_block_takes_the_grid(source, cupy, monkeypatch):
    ends = []
    for room in (ROOM, 1000):
        monkeypatch.setattr(fake_cupy, "SHARED", [room])
        program = source.load()
        state, order = program.begin(program.init(0)), cupy.asarray(np.arange(40) * 7 % 40)
        losses = [loss for some in program.fused_steps(state, list(arrays(cupy).values()), order, 8, 0.02) for loss in some]
        ends.append((losses, state))
        assert program.KERNELS[8,][1] == (1 if room == ROOM else 3)
    near(ends[0][0], ends[1][0], 1e-11)
    for name in ("theta", "g", "m", "v"):
        near(ends[0][1][name].get(), ends[1][1][name].get(), 1e-11)


def test_levels(cupy):
    loss, _ = network(sg.nn.ReLU())
    fused, plain = (sg.generate(loss, backend="cupy", level=level) for level in ("fused", "plain"))
    assert sg.generate(loss, backend="cupy").text == fused.text and "BLOCK" not in plain.text and plain.phases is None
    assert "vessel block: 5 phases and the update" in str(fused.phases) and "# vessel block" in fused.text
    with pytest.raises(sg.BackendError, match="the level 'fast' is not known; there are 'plain', 'fused'"):
        sg.generate(loss, backend="cupy", level="fast")
    with pytest.raises(sg.BackendError, match="the backend 'numpy' has no levels; level='fused' is for 'cupy'"):
        sg.Model(loss, level="fused")


def test_what_has_no_kernel_runs_plain_and_the_plan_says_why(cupy):
    w, A = sg.parameter("w", 40), sg.data("A", (40, 40))
    source = sg.generate(sg.sum((sg.inv(A) @ w - 1) ** 2), optimizer=sg.optim.SGD(0.1), backend="cupy")
    assert str(source.phases) == "runs as plain steps of the array library: inverse has a kernel for up to 32 rows, not 40"
    assert "BLOCK" not in source.text
    source.load()


def test_the_text_is_for_readers(source):
    lines = source.text.split("\n")
    assert max(map(len, lines)) <= 100
    assert any(line == "// X¹ = tanh(A¹)" for line in lines)
    assert "import symgrad" not in source.text and "from symgrad" not in source.text


def test_dropout_and_batch_statistics_are_those_of_numpy(cupy, capsys):
    x, y = sg.data("x", 5, over=sg.dim("T")), sg.labels("t", 3, over=sg.dim("T"))
    net = sg.nn.Sequential(sg.nn.Linear(5, 6), sg.nn.BatchNorm1d(6), sg.nn.Tanh(), sg.nn.Dropout(0.4), sg.nn.Linear(6, 3))
    loss = sg.losses.cross_entropy(net(x), y)
    models = [sg.Model(loss, backend=backend, dtype="float64", seed=2) for backend in ("numpy", "cupy")]
    curves = [each.fit(DATA, sg.optim.SGD(0.1), epochs=2, batch_size=BATCH, progress=False).curves["loss"] for each in models]
    near(curves[1], curves[0], 1e-11)
    for name, value in models[0].parameters.items():
        near(models[1].parameters[name], value, 1e-10)
    assert capsys.readouterr().err == "" and sg.generate(loss, backend="cupy").phases.vessel == "block"


def test_a_program_says_its_precision_in_its_head(cupy):
    loss, predict = network(sg.nn.Tanh())
    source = sg.generate(loss, predict, rule(), backend="cupy", precision="tf32")
    head = " ".join(source.text.partition("import argparse")[0].split())
    assert "its products round their operands to tf32, sums and what is kept are float32" in head
    program, exact = source.load(), sg.generate(loss, predict, rule(), backend="numpy").load()
    data = {name: np.asarray(a, np.float32 if a.dtype.kind == "f" else None) for name, a in DATA.items()}
    found = program.train(arrays(cupy), 2, batch_size=BATCH, log=lambda text: None)
    wanted = exact.train(data, 2, batch_size=BATCH, log=lambda text: None)
    far = max(float(np.abs(found[name].get() - value).max()) for name, value in wanted.items())
    assert 1e-7 < far < 1e-2 and "BLOCK = " not in source.text
