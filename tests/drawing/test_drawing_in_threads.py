"""Threads draw at once: graphviz's WebAssembly build has one memory, and threads take turns in it."""

import subprocess
import sys

DRAW = """
import threading
import symgrad as sg

def draw(k, found):
    x, W = sg.data("x", 3, over=sg.dim("T")), sg.parameter("W", (2, 3))
    loss = sg.sum(sg.tanh(W @ x) ** (k + 2))
    for _ in range(4):
        found.append(sg.draw(loss).svg)

found = [[] for _ in range(4)]
threads = [threading.Thread(target=draw, args=(k, pictures)) for k, pictures in enumerate(found)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
alone = []
draw(0, alone)
assert all(len(set(pictures)) == 1 and len(pictures) == 4 for pictures in found), found
assert found[0][0] == alone[0] and len({pictures[0] for pictures in found}) == 4
"""


def test_threads_draw_at_once():
    done = subprocess.run([sys.executable, "-c", DRAW], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr
