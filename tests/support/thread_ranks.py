"""Communicators whose ranks are threads: any number of them in one process, with the methods of mpi4py that are used."""

import threading


class Hub:
    """What the ranks of a communicator share."""

    def __init__(self, size):
        self.slots, self.barrier, self.messages = [None] * size, threading.Barrier(size, timeout=60), []


class ThreadComm:
    """One rank. `hub.messages` holds the sizes of all vectors that rank 0 summed."""

    def __init__(self, hub, rank):
        self.hub, self.rank = hub, rank

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return len(self.hub.slots)

    def allgather(self, value):
        self.hub.slots[self.rank] = value
        self.hub.barrier.wait()
        found = list(self.hub.slots)
        self.hub.barrier.wait()
        return found

    def bcast(self, value, root=0):
        return self.allgather(value)[root]

    def Allreduce(self, sent, found):
        if self.rank == 0:
            self.hub.messages.append(sent.size)
        first, *others = self.allgather(sent.copy())
        for other in others:
            first = first + other
        found[...] = first


def on_ranks(size, call):
    """What `call(comm)` gives on each of so many ranks, or the error that it raised; and the hub."""
    hub, found = Hub(size), [None] * size

    def run(rank):
        try:
            found[rank] = call(ThreadComm(hub, rank))
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            found[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found, hub
