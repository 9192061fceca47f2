"""The documentation: every example runs and prints what it shows, every public name is there, the site builds.

`docs/fences.py` is the one mechanism: the same code runs the examples here and when the site is built. Where an output
changed for the better, `pytest --update tests/test_docs.py` writes it into the page.
"""

import importlib.util
import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import symgrad as sg

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(DOCS))

import fences  # noqa: E402
import reference  # noqa: E402

PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
TORCH = importlib.util.find_spec("torch") is not None


def check(path, request, torch=False):
    """Run a page; with --update write what it prints."""
    page = path.read_text(encoding="utf-8")
    outcome = fences.run(page, path.name, torch=torch)
    if outcome.edits and request.config.getoption("--update"):
        path.write_text(fences.updated(page, outcome.edits), encoding="utf-8")
    else:
        assert not outcome.wrong, "\n" + "".join(outcome.wrong)
    return outcome


@pytest.mark.parametrize("name", PAGES)
def test_a_page_prints_what_it_shows(name, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # an example may write a file
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    check(DOCS / name, request)


@pytest.mark.parametrize("name", [name for name in PAGES if "```python torch" in (DOCS / name).read_text(encoding="utf-8")])
@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed: pip install '.[peers]'")
def test_the_side_of_pytorch_runs(name, request):
    check(DOCS / name, request, torch=True)


def test_the_tour_of_the_readme_runs(request):
    assert check(ROOT / "README.md", request).count > 20
