"""The threads of matrix products: one for small products, as they were for large ones, and always put back."""

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import symgrad as sg
from symgrad.computing import threads
from symgrad.computing.threads import AS_IT_IS, alone, counts, threads_for


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
    assert pool == ([1, 4] if one else []), "once for the whole fit"


def test_the_number_is_put_back_after_an_error(pool):
    n = sg.dim("n")
    A = sg.data("A", (n, n))
    with pytest.raises(sg.DataError, match="inverted"):
        sg.function(A, sg.inv(A))(np.zeros((60, 60)))
    assert pool == [1, 4]
    with alone, alone:
        assert pool == [1, 4, 1]
    assert pool == [1, 4, 1, 4]


def test_the_last_of_several_threads_puts_it_back(pool):
    entered, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def work(k):
        with alone:
            entered.wait()
            leave[k].wait()

    workers = [threading.Thread(target=work, args=(k,)) for k in range(2)]
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
        with alone:
            assert set(numbers()) == {1}
        assert numbers() == before


def test_large_products_and_tiny_ones_are_left_as_they_are():
    f, _ = product(60)
    assert threads_for(f.plan, {}) is alone
    assert threads_for(product(500)[0].plan, {}) is AS_IT_IS is threads_for(product(3)[0].plan, {})


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
