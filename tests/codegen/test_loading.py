"""Text that is made a module: its lines show in tracebacks as long as a module of it lives, whichever thread made it."""

import gc
import linecache
import sys
from threading import Thread

import pytest

from symgrad.codegen.python.load import load

TEXT = "def half(x):\n    return x / 2\n"


@pytest.fixture
def often():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_lines_show_while_a_module_lives():
    one, two = load(TEXT), load(TEXT)
    place = one.half.__code__.co_filename
    del one
    gc.collect()
    assert linecache.getline(place, 2) == "    return x / 2\n"
    del two
    gc.collect()
    assert place not in linecache.cache


def test_threads_load_and_drop_one_text(often):
    last, errors = load(TEXT), []
    place = last.half.__code__.co_filename

    def work():
        try:
            for _ in range(1500):
                assert load(TEXT).half(3) == 1.5 and linecache.getline(place, 1).startswith("def")
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and linecache.getline(place, 1) == "def half(x):\n"
    del last, threads
    gc.collect()
    assert place not in linecache.cache
