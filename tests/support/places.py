"""Where things lie in the repository, and how a fresh process finds what a test imports."""

import os
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
EXAMPLES = ROOT / "examples"
DOCS = ROOT / "docs"
GOLDEN = TESTS / "golden"
BENCHMARKS = TESTS / "benchmarks"
SUPPORT = TESTS / "support"


def environment(file=None, **more):
    """The environment of a process that imports symgrad and the tests' support, and the tests beside `file`."""
    paths = [ROOT, TESTS, SUPPORT, *([Path(file).parent] if file else [])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "PYTHONIOENCODING": "utf-8", **more}
