#!/usr/bin/env python3
"""How fast is the code that symgrad writes, against NumPy by hand, PyTorch and JAX?   python tests/benchmarks/race.py

One process for each candidate of a task, all with the same number of threads. They are woken in turn, round after
round; who is not at work waits on a pipe. Before, all must agree on the result. The table gives medians over the
rounds, 95 % bootstrap intervals, and the ratio peer / symgrad: above 1, symgrad is faster. Rounds are resampled as
a whole, because the candidates of one round share the mood of the machine (Efron 1979; paired). Peers that are not
installed are named: `pip install 'symgrad[peers]'`. Trust the ratios of one table, not seconds across tables.
On a machine that has other work, `--cpu-time` counts seconds of the processor, of one thread each. MiB is what a process
holds at most during a call, above what it held before the candidate was built.
With `--gpu` the same on an NVIDIA card: data lie there, a call ends when the card has done its work, no TF32 anywhere. One
step a call and loops on the card are candidates of their own: "symgrad 20 steps" stands beside "jax lax.scan".
"""

import argparse
import importlib
import json
import os
import platform
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
MODULES = ("tasks_training", "tasks_curvature", "tasks_network", "tasks_layers", "tasks_recurrent", "tasks_images",
           "tasks_text", "tasks_gradbench")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC", "VECLIB_MAXIMUM_THREADS")
FORCED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # they may force the kernels of another processor
PAUSE = 0.03  # seconds before a turn: threads of the one before stop spinning
PATIENCE = 600  # seconds for a turn or a build


def tasks():
    """All tasks by name."""
    return {name: task for module in MODULES for name, task in importlib.import_module(module).TASKS.items()}


def cores():
    """How many physical cores this process may use."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    try:
        pairs = {Path(f"/sys/devices/system/cpu/cpu{c}/topology/thread_siblings_list").read_text() for c in allowed}
    except OSError:
        return len(allowed)
    return len(pairs)


def environment(threads, tiny=False, gpu=False, cpu_time=False):
    """The environment of every candidate."""
    env = {key: value for key, value in os.environ.items() if key not in FORCED}
    env.update(dict.fromkeys(THREADS, str(threads)))
    if threads == 1:
        env["XLA_FLAGS"] = (env.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false").strip()
    root = str(HERE.parents[1])
    env["PYTHONPATH"] = os.pathsep.join([root, *filter(None, [env.get("PYTHONPATH")])])
    if gpu:
        env.update(RACE_DEVICE="gpu", XLA_PYTHON_CLIENT_PREALLOCATE="false")
    else:
        env.update(JAX_PLATFORMS="cpu", CUDA_VISIBLE_DEVICES="")
    if tiny:
        env["RACE_TINY"] = "1"
    if cpu_time:
        env["RACE_CLOCK"] = "cpu"
    return env


class Runner:
    """A candidate's process and the pipe to it."""

    def __init__(self, task, name, folder, env, threads):
        words = [sys.executable, str(HERE / "worker.py"), task, name, folder]
        self.name, self.errors = name, Path(folder) / f"{name}.txt"
        limit = getattr(os, "sched_setaffinity", None)
        chosen = sorted(os.sched_getaffinity(0))[:threads] if limit else []
        with self.errors.open("w") as errors:
            self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                                            text=True, env=env)
        if limit:
            limit(self.process.pid, chosen)

    def read(self, seconds):
        """Its next answer; {"failed": why} where it died or took too long."""
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if ready else None
        if line:
            return json.loads(line)
        if line is None:
            return {"failed": f"no answer within {seconds} s"}
        last = self.errors.read_text().strip().splitlines()
        return {"failed": last[-1] if last else "it ended without a word"}

    def turn(self, seconds):
        self.process.stdin.write(f"{seconds}\n")
        self.process.stdin.flush()
        return self.read(PATIENCE)

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def prepare(name, task, wanted, folder, options):
    """The runners that are ready and agree; how long each candidate built, or why it is not there; its MiB; kernels."""
    from contest import missing

    runners, notes, memory, reference, kernels = [], {}, {}, None, []
    for candidate in wanted:
        if package := missing(candidate):
            notes[candidate] = f"skipped: {package} is not installed"
            continue
        env = environment(options.threads, options.tiny, options.gpu, options.cpu_time)
        runner = Runner(name, candidate, folder, env, options.threads)
        said = runner.read(options.compile_limit if candidate == "torch.compile" else PATIENCE)
        if "failed" in said:
            notes[candidate] = f"skipped: {said['failed'][:90]}"
            runner.process.kill()
            runner.stop()
            continue
        with np.load(Path(folder) / f"{candidate}.npz") as found:
            outcome = dict(found)
        reference = outcome if reference is None else reference
        wrong = task.differences(outcome, reference)
        notes[candidate] = f"DISAGREES: {wrong[0]}" if wrong else f"{said['built']:.2f}"
        memory[candidate] = said["memory"]
        kernels += [k for k in said["kernels"] if k not in kernels]
        if wrong:
            runner.stop()
        else:
            runners.append(runner)
    return runners, notes, memory, kernels


def compete(runners, options):
    """Seconds by candidate, one for each round; every round starts with the next candidate."""
    seconds = {runner.name: [] for runner in runners}
    for number in range(options.rounds):
        start = number % len(runners)
        for runner in runners[start:] + runners[:start]:
            time.sleep(PAUSE)
            said = runner.turn(options.turn)
            if "failed" in said:
                raise SystemExit(f"{runner.name}: {said['failed']}")
            seconds[runner.name].append(said["seconds"])
    return {name: np.array(values) for name, values in seconds.items()}


def interval(*samples, function=np.median, draws=2000):
    """The function's value on the samples, and the 2.5 and 97.5 % points when rounds are drawn again."""
    picks = np.random.default_rng(0).integers(0, len(samples[0]), (draws, len(samples[0])))
    drawn = [s[picks] for s in samples]
    low, high = np.percentile(function(*drawn, axis=1), [2.5, 97.5])
    return float(function(*samples, axis=0)), float(low), float(high)


def ratio(peer, own, axis):
    return np.median(peer, axis) / np.median(own, axis)


def duration(value, low, high):
    scale, unit = next((s, u) for s, u in ((1, "s"), (1e-3, "ms"), (1e-6, "us")) if value >= s or s == 1e-6)
    return f"{value / scale:.3g} {unit}", f"{low / scale:.3g} .. {high / scale:.3g}"


def rows(seconds, notes, memory):
    """Rows of the table: candidate, ready after, MiB, median, interval, and the ratio to each candidate of symgrad."""
    own = [name for name in seconds if name.startswith("symgrad")]
    for name, note in notes.items():
        if name not in seconds:
            yield [name, note, *[""] * 5]
            continue
        cells = [f"{r:.2f} ({low:.2f} .. {high:.2f})" for r, low, high in
                 (interval(seconds[name], seconds[o], function=ratio) for o in own)]
        held = memory.get(name)
        yield [name, note, "" if held is None else f"{held:.0f}", *duration(*interval(seconds[name])), *cells, *[""] * (2 - len(own))]


def machine(gpu=False):
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cards = []
    if gpu:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        cards = subprocess.run(query, capture_output=True, text=True, check=False).stdout.split("\n")[:1]
    load = f"; load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{', '.join([*cards, model])}, {cores()} cores{load}; Python {platform.python_version()} on {platform.system()}"


def table(name, task, found, notes, memory, kernels, options):
    """Print what one task gave."""
    from contest import CARD, OWN
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 140)
    shown = Table(title=f"{name}: {task.about} ({task.dtype})", box=box.SIMPLE, title_justify="left")
    own = [CARD] if options.gpu else OWN
    for title in ("candidate", "ready, s", "MiB", "median", "95 %", *(f"/ {name}" for name in own)):
        shown.add_column(title, justify="left" if title == "candidate" else "right", overflow="fold")
    for cells in rows(found, notes, memory):
        shown.add_row(*cells[:5 + len(own)])
    console.print(shown)
    many = f"{options.threads} thread{'' if options.threads == 1 else 's'}"
    console.print(f"{many} each{', time of the processor' if options.cpu_time else ''}; {', '.join(kernels)}", style="dim", highlight=False)


def parsed(words, known):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], epilog=f"tasks: {', '.join(known)}")
    parser.add_argument("tasks", nargs="*", metavar="TASK", help="tasks by name or by the start of it; all by default")
    parser.add_argument("--rounds", type=int, default=21, help="how often each candidate is woken (21)")
    parser.add_argument("--turn", type=float, default=0.2, help="seconds of a turn (0.2)")
    parser.add_argument("--threads", type=int, help="threads of each candidate (physical cores; with --cpu-time 1)")
    parser.add_argument("--cpu-time", action="store_true", help="seconds of the processor, of one thread each")
    parser.add_argument("--only", default="", help="candidates, by comma")
    parser.add_argument("--gpu", action="store_true", help="on an NVIDIA card, with CuPy")
    parser.add_argument("--compile-limit", type=float, default=60, help="seconds that torch.compile may take (60)")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to see that all works")
    parser.add_argument("--json", type=Path, help="write the seconds of all rounds here")
    options = parser.parse_args(words)
    options.threads = options.threads or (1 if options.cpu_time else cores())
    if options.cpu_time and options.threads > 1:
        parser.error("--cpu-time adds the seconds of all threads up, and says how fast one is: leave --threads out")
    chosen = [name for name in known if not options.tasks or any(name.startswith(t) for t in options.tasks)]
    if not chosen:
        parser.error(f"no task is called {' or '.join(options.tasks)}; there are {', '.join(known)}")
    return options, chosen


def main(words=None):
    """Run the tasks that the command line asks for."""
    from contest import CARD, ON_CARD, ORDER, OWN

    known = tasks()
    options, chosen = parsed(words, known)
    print(machine(options.gpu))
    written, agreed = {}, True
    for name in chosen:
        task = known[name]
        others = (*OWN, "numpy by hand") if options.gpu else (CARD, *ON_CARD)
        wanted = [c for c in ORDER if c in task.candidates and c not in others
                  and (not options.only or c in options.only.split(","))]
        with tempfile.TemporaryDirectory() as folder:
            runners, notes, memory, kernels = prepare(name, task, wanted, folder, options)
            try:
                seconds = compete(runners, options) if runners else {}
            finally:
                for runner in runners:
                    runner.stop()
        table(name, task, seconds, notes, memory, kernels, options)
        agreed = agreed and not any(note.startswith("DISAGREES") for note in notes.values())
        written[name] = {"notes": notes, "memory": memory, "seconds": {c: list(map(float, s)) for c, s in seconds.items()}}
        if options.json:
            options.json.write_text(json.dumps({"machine": machine(options.gpu), "threads": options.threads, "tasks": written},
                                               indent=1))
    return 0 if agreed else 1


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
