"""The threads of matrix products: one for small products, as they were for large ones, and always put back."""

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import symgrad as sg
from symgrad.computing import threads
from symgrad.computing.threads import Alone, AsItIs, Together, counts, threads_for, turns, within


@pytest.fixture
def pool(monkeypatch):
    """A BLAS with four threads; gives the list of numbers that were set."""
    now, log = [4], []

    def put(number):
        now[0] = number
        log.append(number)

    monkeypatch.setattr(threads, "counts", lambda: ((lambda: now[0], put),))
    return log


def product(n, batch=()):
    A, B = sg.data("A", (*batch, n, n)), sg.data("B", (*batch, n, n))
    return sg.function([A, B], A @ B), [np.ones((*batch, n, n))] * 2


def test_the_largest_product_of_a_plan():
    m, n, k = sg.dims("m n k")
    A, B, v = sg.data("A", (m, n)), sg.data("B", (n, k)), sg.data("v", n)
    f = sg.function([A, B, v], [A @ B, A @ v, sg.sum(A)])
    assert f.plan.largest_product({m: 2, n: 3, k: 5}) == 2 * 2 * 3 * 5
    assert f.plan.largest_product({m: 7, n: 3, k: 1}) == 2 * 7 * 3
    assert sg.function(A, sg.exp(A)).plan.largest_product({m: 1, n: 1}) == 0
    stack, _ = product(10, (1000,))
    assert stack.plan.largest_product({}) == 2000, "each product of a stack is one call of BLAS"
    S = sg.data("S", (n, n))
    assert sg.function(S, sg.inv(S)).plan.largest_product({n: 10}) == 2000
    for backend in ("numpy", "c"):
        g = sg.function([A, B], A @ B, backend=backend)
        assert g.plan.largest_product({m: 2, n: 3, k: 5}) == 60


@pytest.mark.parametrize("n, one", [(4, False), (60, True), (100, False)])
def test_a_function_takes_one_thread_where_products_are_small(n, one, pool):
    f, arrays = product(n)
    f(*arrays)
    f(*arrays)
    assert pool == ([1, 4] * 2 if one else [])


def test_the_sizes_of_a_call_decide(pool):
    n = sg.dim("n")
    A = sg.data("A", (n, n))
    f = sg.function(A, A @ A)
    for size, wanted in ((100, []), (60, [1, 4]), (4, [1, 4]), (60, [1, 4, 1, 4])):
        f(np.ones((size, size)))
        assert pool == wanted


def model(width):
    T = sg.dim("T")
    x, W = sg.data("x", width, over=T), sg.parameter("W", (width, width))
    return sg.Model(sg.losses.squared_error(W @ x, x)), {"x": np.ones((40, width))}


@pytest.mark.parametrize("width, one", [(8, False), (64, True), (200, False)])
def test_steps_and_fits_do_so_too(width, one, pool):
    m, data = model(width)
    step = m.stepper(data)
    assert pool == []
    step()
    step()
    assert pool == ([1, 4] * 2 if one else [])
    pool.clear()
    m.fit(data, epochs=3, progress=False)
    assert pool == ([1, 4] * 4 if one else []), "once for a fit, which gives way to callbacks behind each epoch"


def test_the_number_is_put_back_after_an_error(pool):
    n = sg.dim("n")
    A = sg.data("A", (n, n))
    with pytest.raises(sg.DataError, match="inverted"):
        sg.function(A, sg.inv(A))(np.zeros((60, 60)))
    assert pool == [1, 4]
    within(Alone, within(Alone, lambda: pool.append("inside")))()
    assert pool == [1, 4, 1, "inside", 4]


def test_the_last_of_several_threads_puts_it_back(pool):
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def work(k):
        entered.wait()
        leave[k].wait()

    workers = [threading.Thread(target=within(Alone, work), args=(k,)) for k in range(2)]
    [w.start() for w in workers]
    entered.wait()
    for k, wanted in ((0, [1]), (1, [1, 4])):
        leave[k].set()
        workers[k].join()
        assert pool == wanted


def test_the_threads_of_the_blas_that_is_loaded():
    def numbers():
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    counts.cache_clear()  # other tests may have loaded further libraries
    assert len(counts()) == len(numbers()) > 0
    with threadpool_limits(2, "blas"):
        before = numbers()
        assert set(within(Alone, numbers)()) == {1}
        assert numbers() == before


def test_large_products_and_tiny_ones_leave_the_number_as_it_is():
    f, _ = product(60)
    assert threads_for(f.plan, {}) is Alone
    assert threads_for(product(500)[0].plan, {}) is Together and threads_for(product(3)[0].plan, {}) is AsItIs


@pytest.mark.parametrize("width, told", [(8, False), (64, True), (300, False)])
def test_a_generated_program_says_when_one_thread_is_best(width, told):
    m, _ = model(width)
    assert ("OPENBLAS_NUM_THREADS=1" in str(sg.generate(m.loss))) is told


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_threads_that_call_one_stepper_take_turns(backend):
    T, rng = sg.dim("T"), np.random.default_rng(0)
    x, y = sg.data("x", 40, over=T), sg.data("y", over=T)
    net = sg.nn.Sequential(sg.nn.Linear(40, 150), sg.nn.Tanh(), sg.nn.Linear(150, 1))
    data = {"x": rng.standard_normal((100, 40)), "y": rng.standard_normal(100)}
    models = [sg.Model(sg.losses.squared_error(net(x)[0], y), backend=backend, dtype="float64") for _ in range(2)]
    one, several = (model.stepper(data) for model in models)
    together: list[float] = []
    workers = [threading.Thread(target=lambda: together.extend(several() for _ in range(15))) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(together) == sorted(one() for _ in range(60))
    for name, array in models[0].parameters.items():
        np.testing.assert_array_equal(models[1].parameters[name], array)


# turns ------------------------------------------------------------------------------------------------------


def together_with(pool, ways, moments=20):
    """What number of threads each way finds at all moments, in threads that compute at once, and fits that give way."""
    seen, errors = {Alone: set(), Together: set()}, []

    def work(way):
        for _ in range(moments):
            within(way, lambda: [seen[way].add(threads.counts()[0][0]()) or time.sleep(1e-4) for _ in range(3)])()

    def fit(way):
        def steps():
            for _ in range(moments):
                for _ in range(3):
                    seen[way].add(threads.counts()[0][0]())
                    time.sleep(1e-4)
                threads.give_way()
        within(way, steps)()

    def run(kind, way):
        try:
            kind(way)
        except Exception as error:  # whatever it is, it should not be
            errors.append(error)

    workers = [threading.Thread(target=run, args=(kind, way)) for way in ways for kind in (work, fit)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive(), "it waits for ever"
    assert not errors
    return seen


def test_calls_of_one_way_wait_for_those_of_the_other(pool):
    assert together_with(pool, [Alone, Together, Alone, Together]) == {Alone: {1}, Together: {4}}
    assert not turns.inside and not turns.waiting and pool[-1] == 4


def test_calls_of_one_way_run_at_once(pool):
    barrier = threading.Barrier(3)
    workers = [threading.Thread(target=within(Alone, barrier.wait), args=(10,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not barrier.broken and pool == [1, 4]


def test_what_a_callback_waits_for_may_have_the_turn(pool):
    """A thread that a callback starts and waits for computes in the other way: nobody waits for ever."""
    m, data = model(64)
    large, arrays = product(200)
    seen = []

    def callback(training):
        other = threading.Thread(target=lambda: seen.append(large(*arrays).shape))
        other.start()
        other.join(20)

    m.fit(data, epochs=2, callbacks=callback, progress=False)
    assert seen == [(200, 200)] * 2


def lines_of(call):
    """The number of lines of the module `threads` that a call runs."""
    seen = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename == threads.__file__:
            if event == "line":
                seen.append(frame.f_lineno)
            return trace
        return None

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return len(seen)


def interrupted(call, at):
    """Whether KeyboardInterrupt, raised before line number `at`, came out."""
    seen = []

    def trace(frame, event, argument):
        if frame.f_code.co_filename != threads.__file__:
            return None
        if event == "line":
            seen.append(frame.f_lineno)
            if len(seen) == at:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_an_interrupt_at_any_line_leaves_the_number_as_it_was(pool):
    f, arrays = product(60)
    f(*arrays)
    now = threads.counts()[0][0]
    count = lines_of(lambda: f(*arrays))
    assert count > 20
    for at in range(1, count + 1):
        interrupted(lambda: f(*arrays), at)
        assert now() == 4 and not turns.lock._is_owned() and turns.of(threading.get_ident()) is None, at
        other = threading.Thread(target=within(Together, lambda: None))
        other.start()
        other.join(5)
        assert not other.is_alive(), at
    assert f(*arrays).shape == (60, 60)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_has_the_threads_that_its_parent_had(pool):
    def fork():
        child = os.fork()
        if not child:
            os._exit(0 if threads.counts()[0][0]() == 4 and not turns.inside else 1)
        return os.waitpid(child, 0)[1]

    assert within(Alone, fork)() == 0


SAME_BITS = """
import sys, threading, numpy as np, symgrad as sg
T, rng = sg.dim("T"), np.random.default_rng(0)
def model(width):
    x, y = sg.data("x", width, over=T), sg.data("y", over=T)
    net = sg.nn.Sequential(sg.nn.Linear(width, width), sg.nn.Tanh(), sg.nn.Linear(width, 1))
    return sg.Model(sg.losses.squared_error(net(x)[0], y), backend=sys.argv[1])
def data(width): return {"x": rng.standard_normal((300, width)), "y": rng.standard_normal(300)}
wide, narrow = data(300), data(60)
def fit(model, data, epochs): model.fit(data, sg.optim.SGD(1e-3), epochs=epochs, batch_size=64, progress=False)
models = [model(300) for _ in range(4)]
fit(models[0], wide, 6)
small = [model(60) for _ in range(6)]
fit(small[0], narrow, 60)
def both(big, few):
    workers = [threading.Thread(target=fit, args=(big, wide, 6)), *(threading.Thread(target=fit, args=(m, narrow, 60)) for m in few)]
    [w.start() for w in workers]; [w.join() for w in workers]
both(models[1], small[1:3]); both(models[2], small[3:5]); both(models[3], small[5:])
for group in (models, small):
    first = np.concatenate([a.ravel() for a in group[0].parameters.values()])
    print([bool(np.array_equal(first, np.concatenate([a.ravel() for a in m.parameters.values()]))) for m in group[1:]])
"""


@pytest.mark.parametrize("backend", ["numpy", "c"])
def test_fits_at_once_give_the_bits_of_fits_alone(backend):
    env = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", SAME_BITS, backend], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:2] == [str([True] * 3), str([True] * 5)]
