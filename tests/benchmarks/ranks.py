#!/usr/bin/env python3
"""What do ranks gain?   mpiexec -n 2 python tests/benchmarks/ranks.py [--rounds 12]

Tanh networks of three sizes, Adam, float32, one BLAS thread a rank, all in one run; each number is the least of several rounds.
"clock" is the gain of all ranks over one process, while the others sleep, by the clock: it needs a core for each rank to itself,
and a machine that does other work shows less. "work" is the same from what does not depend on that: the processor's time of a step
on the whole batch, against that of a step on a part and the sum of the message. Beside them stands what `Model.cost` predicts
from the plan, with the operations that one process does in a second, and the bytes and the latency that the sums alone have
shown. Last, the prediction for more ranks with a network of 100 Gbit/s (12 GB/s, 2 us a message).
"""

import argparse
import os
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402

import symgrad as sg  # noqa: E402

SIZES = {"small": ((64, 128, 10), 256, 64), "medium": ((256, 512, 512, 10), 1024, 8),  # widths, batch, steps of a round
         "large": ((512, 1024, 1024, 1024, 10), 4096, 2)}
MANY, CABLE = (8, 64, 1000), {"bytes": 12e9, "latency": 2e-6}


def model_of(widths):
    T = sg.dim("T")
    layers = []
    for before, after in zip(widths[:-1], widths[1:]):
        layers += [sg.nn.Tanh()] * bool(layers) + [sg.nn.Linear(before, after)]
    z = sg.nn.Sequential(*layers)(sg.data("x", widths[0], over=T))
    return sg.Model(sg.losses.cross_entropy(z, sg.labels("y", classes=widths[-1], over=T)))


def data_of(widths, count):
    rng = np.random.default_rng(0)
    return {"x": rng.standard_normal((count, widths[0]), np.float32), "y": rng.integers(0, widths[-1], count)}


def seconds(model, data, batch, steps, rounds, comm=None):
    """The time of a step, by the epochs of a fit, of so many steps each; the first warms up."""
    history = model.fit(data, sg.optim.Adam(1e-4), epochs=rounds + 1, batch_size=batch, progress=False, comm=comm)
    return float(np.min(np.diff(history["seconds"]))) / steps


def work(model, data, count, rounds):
    """The time of the processor for a step on so many samples."""
    step, best = model.stepper({name: array[:count] for name, array in data.items()}, sg.optim.Adam(1e-4)), np.inf
    for _ in range(rounds):
        start = time.process_time()
        step()
        step()
        best = min(best, (time.process_time() - start) / 2)
    return best


def alone(comm, call):
    """What rank 0 measures while the others sleep, and do not spin."""
    if comm.Get_rank() == 0:
        found = call()
        for rank in range(1, comm.Get_size()):
            comm.send(found, rank)
        return found
    while not comm.iprobe(source=0):
        time.sleep(0.01)
    return comm.recv(source=0)


def summed(comm, count, rounds=30):
    """The time of one sum of so many numbers over all ranks."""
    sent, found, best = np.ones(count, np.float32), np.empty(count, np.float32), np.inf
    for _ in range(rounds):
        comm.Barrier()
        start = time.perf_counter()
        comm.Allreduce(sent, found)
        best = min(best, time.perf_counter() - start)
    return comm.allreduce(best) / comm.Get_size()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=12)
    args = parser.parse_args()
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    ranks, say = comm.Get_size(), print if comm.Get_rank() == 0 else lambda *text, **how: None
    small, large = summed(comm, 4), summed(comm, 1 << 22)
    latency = small / (2 * np.ceil(np.log2(ranks))) if ranks > 1 else 0.0
    width = 2 * (ranks - 1) / ranks * (4 << 22) / (large - small) if ranks > 1 else np.inf
    say(f"{ranks} ranks; a message takes {latency * 1e6:.1f} us, a rank sends {width / 1e9:.2f} GB/s\n")
    say(f"{'network':8} {'batch':>6} {'message':>10} {'1 rank':>11} {'ops/s':>8} {'clock':>6} {'work':>6} {'predicted':>9}   "
        + "  ".join(f"{many:>5}" for many in MANY))
    for name, (widths, batch, steps) in SIZES.items():
        data = data_of(widths, batch * steps)
        one = alone(comm, lambda: seconds(model_of(widths), data, batch, steps, args.rounds))
        together = seconds(model_of(widths), data, batch, steps, args.rounds, comm if ranks > 1 else None)
        model = model_of(widths)
        whole, part = (alone(comm, lambda: work(model, data, count, 4 * args.rounds)) for count in (batch, batch // ranks))
        cost, shared = model.cost(batch), model.cost(batch, ranks)
        speed = (cost.operations + cost.update) / whole
        message = summed(comm, shared.message // 4) if ranks > 1 else 0.0
        expected = cost.seconds(speed) / shared.seconds(speed, bytes=width, latency=latency)
        more = [cost.seconds(speed) / model.cost(batch, many).seconds(speed, **CABLE) for many in MANY]
        say(f"{name:8} {batch:6} {shared.message / 1e6:7.2f} MB {whole * 1e3:8.2f} ms {speed / 1e9:6.1f} G {one / together:6.2f} "
            f"{whole / (part + message):6.2f} {expected:9.2f}   " + "  ".join(f"{gain:5.1f}" for gain in more))


if __name__ == "__main__":
    main()
