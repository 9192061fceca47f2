"""Processes that train together. Every program has a copy of this text.

Each takes its part of a batch and computes the loss and the gradient of that; one sum over all processes, weighted by
the numbers of samples, gives those of the batch to each. All else is done by all of them, alike.
"""

import contextlib
import signal

import numpy as np


class Ranks:
    """The processes of a communicator of mpi4py. A step asks it for one sum: of the gradient,
    the loss, and what stands behind them."""

    def __init__(self, comm):
        self.comm, self.rank, self.size = comm, comm.Get_rank(), comm.Get_size()
        self.count, self.weight = 1, float(self.rank == 0)  # of a batch; what this part counts
        self.rows = slice(None)
        self.sums, self.sent, self.stopped, self.ended, self.before = 0, None, False, False, None

    def part(self, count):
        """The slice of this rank in `count` samples; where it has none, one that counts nothing."""
        first, last = (count * k // self.size for k in (self.rank, self.rank + 1))
        self.count, self.weight = count, (last - first) / count
        self.rows = slice(first, max(last, first + 1))
        return self.rows

    def add(self, state):
        """Puts sums over all ranks in the place of what this one found: g, loss, weight, stop."""
        found = state.found
        if self.sent is None or len(self.sent) != len(found):
            self.sent = np.zeros_like(found)
        np.multiply(found, self.weight, out=self.sent)
        self.sent[-2] = self.weight
        self.sent[-1] = self.stopped
        self.sums += 1
        self.exchange(self.sent, found)

    def shared(self, found, sums, maxima=0):
        """What a stage of a step found: at its end so many arrays that are summed over all ranks,
        and so many of which the largest entries are taken."""
        before, last = len(found) - sums - maxima, len(found) - maxima
        own = [*(array * (self.weight > 0) for array in found[before:last]), *found[last:]]
        self.sums += 1
        parts = self.comm.allgather(None if self.stopped else own)
        if any(part is None for part in parts):
            self.stopped, self.ended = False, True
            raise KeyboardInterrupt
        whole = list(parts[0])
        for part in parts[1:]:
            for place, array in enumerate(part):
                join = np.add if place < sums else np.maximum
                whole[place] = join(whole[place], array)
        return [*found[:before], *whole]

    def exchange(self, sent, found):
        """The one message of a step."""
        self.comm.Allreduce(sent, found)
        self.look(found)

    def look(self, found):
        """Ctrl-C on any rank ends all of them here."""
        if found[-1] > 0:
            self.stopped, self.ended = False, True
            raise KeyboardInterrupt
        if not 0.999 < found[-2] < 1.001:
            whole = float(found[-2])
            raise ValueError(f"the ranks do not train alike: their parts are {whole:g} of a batch")

    def listening(self):
        """The same; from now on Ctrl-C waits until all ranks hear of it, in the next step."""
        def stop(*_):
            self.stopped = True

        with contextlib.suppress(ValueError):  # not in the main thread, which nobody interrupts
            self.before = signal.signal(signal.SIGINT, stop)
        return self

    def rest(self):
        """The end of that."""
        if self.before is not None:
            signal.signal(signal.SIGINT, self.before)
            self.before = None
