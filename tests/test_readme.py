"""The README: what it points to is there. That its tour runs is tested with the pages, in test_docs.py."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_picture_and_the_commands_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "graph.svg").stat().st_size < 100_000
    for command in re.findall(r"^    \./(\S+)", text, re.M):
        assert (ROOT / command).exists()
    for path in re.findall(r"examples/\w+\.py", text):
        assert (ROOT / path).exists()
