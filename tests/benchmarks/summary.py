#!/usr/bin/env python3
"""The seconds that `race.py --json FILE` wrote, as one table in Markdown: rows are tasks, columns are peers.

    python tests/benchmarks/summary.py FILE [FILE ...]

A cell is the time of the peer divided by that of symgrad's code, medians over all rounds: above 1, symgrad is faster.
The first number is for the NumPy code, the second for C; a card has CuPy's alone.
"""

import json
import sys
from pathlib import Path

import numpy as np

PEERS = ("numpy by hand", "torch eager", "torch.compile", "jax.jit", "jax lax.scan")


def number(value):
    """Two digits, and no more than that a reader can use: > 1000 is said as it is."""
    return f"{value:.0f}" if value >= 9.5 else f"{value:.1f}" if value >= 1.95 else f"{value:.2f}"


def cell(seconds, peer, own):
    """The ratios to `peer`, one for each candidate of ours; a dash where it did not run."""
    if peer not in seconds:
        return "-"
    return " / ".join(number(np.median(seconds[peer]) / np.median(seconds[name])) if name in seconds else "-" for name in own)


def rows(tasks):
    """Lines of the table, the head first."""
    ran = {name: found["seconds"] for name, found in tasks.items() if found["seconds"]}
    own = [name for name in ("symgrad cupy", "symgrad numpy", "symgrad c") if any(name in s for s in ran.values())]
    peers = [peer for peer in PEERS if any(peer in s for s in ran.values())]
    yield f"| {' / '.join(name.split()[1] for name in own)} | {' | '.join(peers)} |"
    yield "|---" * (1 + len(peers)) + "|"
    for name, seconds in ran.items():
        yield f"| {name} | {' | '.join(cell(seconds, peer, own) for peer in peers)} |"


def main(paths):
    """Print the table of all files together."""
    if not paths:
        raise SystemExit(__doc__)
    found = [json.loads(Path(path).read_text()) for path in paths]
    tasks = {name: task for one in found for name, task in one["tasks"].items()}
    print(f"{found[0]['machine']}; {found[0]['threads']} threads\n", *rows(tasks), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
