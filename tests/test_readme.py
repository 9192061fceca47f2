"""The README's tour runs, in order, and prints what it says."""

import doctest
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_tour_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    test = doctest.DocTestParser().get_doctest(blocks, {}, "README", "README.md", 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    out = []
    runner.run(test, out=out.append)
    assert not runner.failures and len(test.examples) > 20, "".join(out)


def test_the_picture_and_the_commands_are_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs" / "graph.svg").stat().st_size < 100_000
    for command in re.findall(r"^    \./(\S+)", text, re.M):
        assert (ROOT / command).exists()
    for path in re.findall(r"examples/\w+\.py", text):
        assert (ROOT / path).exists()
