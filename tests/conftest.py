"""What every test may use: golden files, and hypothesis without chance.

`golden("name.txt", text)` compares text with tests/golden/name.txt. Where the new text is the better one,
`./test.sh --update` (or `pytest --update`) writes it, and the change is read in the diff of the commit.
"""

import difflib
import os

import hypothesis
import pytest
from places import GOLDEN

SHOWN = 60  # lines of a diff: more hides the assertion that failed

# The same examples on every run; no deadline, because a machine that is busy proves nothing about the code.
hypothesis.settings.register_profile("symgrad", derandomize=True, deadline=None, database=None, max_examples=40)
hypothesis.settings.load_profile("symgrad")


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="rewrite the golden files that differ")


def pytest_collection_modifyitems(items):
    """What is about everything at once takes longest, so it starts first: at the end no process runs on alone."""
    items.sort(key=lambda item: item.path.parent.name != "whole")


@pytest.fixture
def golden(request):
    """A function (name, text): text equals tests/golden/name, or the test fails with the difference.

    A file always ends with one newline; whether `text` does makes no difference.
    """

    def compare(name, text):
        path = GOLDEN / name
        new = text.rstrip("\n") + "\n"
        old = path.read_text(encoding="utf-8") if path.exists() else None
        if new == old:
            return
        if request.config.getoption("--update"):
            write(path, new)
        elif old is None:
            pytest.fail(f"no tests/golden/{name} yet; ./test.sh --update adds it:\n{cut(new)}", pytrace=False)
        else:
            pytest.fail(f"{difference(name, old, new)}\nIf that is right: ./test.sh --update", pytrace=False)

    return compare


def difference(name, old, new):
    """A unified diff of two texts, cut where it gets long; trailing blanks and tabs are made visible."""
    lines = difflib.unified_diff(
        old.splitlines(), new.splitlines(), f"tests/golden/{name}", "what the code says now", n=2, lineterm=""
    )
    shown = (line[:-1] + "·" if line.endswith(" ") and len(line) > 1 else line for line in lines)
    return cut("\n".join(line.replace("\t", "→") for line in shown))


def cut(text):
    lines = text.splitlines()
    rest = len(lines) - SHOWN
    return "\n".join(lines[:SHOWN] + ([f"... and {rest} more lines"] if rest > 0 else []))


def write(path, text):
    """Write a file whole or not at all: two test processes may update at the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
