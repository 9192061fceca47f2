"""One candidate in a process of its own: builds its case, then waits on a pipe and is woken for each turn.

Started by race.py as `worker.py TASK CANDIDATE FOLDER`. What it reads are lines of JSON on standard input: seconds
for a turn. What it writes are lines of JSON on the descriptor that was standard output; whatever a library prints
goes to standard error. Nothing here may be imported before the environment of the process says how many threads.
"""

import importlib
import json
import os
import statistics
import sys
import time
from pathlib import Path

LEAST = 0.01  # seconds of a chunk of calls, so that the clock's own cost does not count


def clock():
    """Seconds on the wall, or of the processor where the race asks for these: what others do costs none of them."""
    return time.process_time() if os.environ.get("RACE_CLOCK") == "cpu" else time.perf_counter()


def timed(call, count):
    start = clock()
    for _ in range(count):
        call()
    return clock() - start


def resident(field):
    """MiB that this process holds (VmRSS), or the most that it held (VmHWM); None where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith(field + ":")) / 1024


def growth(call, before):
    """MiB that the process holds at most while it works, above what it held `before` the candidate was built."""
    try:
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    except OSError:
        return None
    call()
    return resident("VmHWM") - before


def calls_of_a_chunk(call):
    """How many calls take LEAST seconds."""
    count = 1
    while (spent := timed(call, count)) < LEAST:
        count = max(2 * count, int(1.2 * count * LEAST / max(spent, 1e-9)))
    return count


def turn(call, count, seconds):
    """The median seconds of one call, over chunks that fill the turn; a chunk before warms the caches."""
    spent = timed(call, count)
    if spent > seconds:  # a slow call: it has warmed itself
        return spent / count
    chunks = []
    while sum(chunks) < seconds or len(chunks) < 3:
        chunks.append(timed(call, count))
    return statistics.median(chunks) / count


def kernels():
    """Versions of what is loaded, and the kernels of BLAS that run."""
    from threadpoolctl import threadpool_info

    found = [f"{m} {sys.modules[m].__version__}" for m in ("numpy", "torch", "jax") if m in sys.modules]
    for library in threadpool_info():
        kernel = f" {library['architecture']}" if library.get("architecture") else ""
        found.append(f"{library['internal_api']}{kernel} with {library['num_threads']} threads")
    return list(dict.fromkeys(found))


def main(task_name, name, folder):
    """Build, say that it is ready, then serve turns until standard input closes."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def answer(**content):
        answers.write(json.dumps(content) + "\n")

    import numpy as np
    from race import tasks

    task = tasks()[task_name]
    data = task.make(tiny=bool(os.environ.get("RACE_TINY")))
    try:
        for package in ("symgrad", "torch", "jax"):  # an import is no part of being ready
            if name.startswith(package):
                importlib.import_module(package)
        if name.startswith("torch"):  # the one library that need not follow the environment
            sys.modules["torch"].set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        before = resident("VmRSS")
        start = time.perf_counter()
        case = task.candidates[name](data)
        outcome = case.outcome()
        built = time.perf_counter() - start
        np.savez(Path(folder) / f"{name}.npz", **outcome)
        memory = growth(case.call, before)
        count = calls_of_a_chunk(case.call)
    except Exception as error:  # a candidate that cannot run is named in the table, whatever stopped it
        answer(failed=f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}")
        raise
    answer(built=built, memory=memory, kernels=kernels())
    for line in sys.stdin:
        answer(seconds=turn(case.call, count, float(line)) / case.steps)


if __name__ == "__main__":
    main(*sys.argv[1:])
