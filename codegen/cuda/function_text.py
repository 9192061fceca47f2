"""The Python around the kernel of a function, as text of its module."""

from __future__ import annotations

PLAIN = "plain_"  # how the function is called that makes a call for each line

RUNTIME = '''\
SIZES = ${sizes}  # the constants for which kernels are compiled
THREADS, DTYPE = ${threads}, ${dtype}
PATIENCE = [8]  # calls with the same sizes before their kernel is compiled
${graphs}KERNELS = {}  # by sizes: what is compiled, how often it was asked for, or None
${choice}

${compiled}


def kernel_for(sizes):
    """What is compiled for these sizes. None where the plain function computes."""
    found = KERNELS.get(sizes, 0)
    if type(found) is int:
        found = KERNELS[sizes] = found + 1
        if found > PATIENCE[0]:
            try:
                found = None if 0 in sizes else compiled_kernel(sizes)
            except Exception as error:
                found, why = None, " ".join(str(error).split())[:400]
                where = dict(zip(SIZES, sizes))
                print(f"no kernel for {where}: {why}; the plain function runs instead", file=sys.stderr)
${kept}            KERNELS[sizes] = found
    return found if type(found) is tuple else None


${solid}


def launched(made, arrays):
    """The kernel on arrays that are given and such that are filled."""
    kernel, blocks, shared, room, _ = made
${graph}    memory = cp.empty(room, np.uint8)
    kernel((blocks,), (THREADS,), (*arrays, memory, ${word}), shared_mem=shared)
'''

GRAPHS = '''\
GRAPHS = 8  # that are kept, each with its memory
'''

KEPT = '''\
            if found is not None and isinstance(found[0], CapturedGraph):
                make_room()
'''

LAUNCHED = '''\
    if isinstance(kernel, CapturedGraph):
        return launched_in_graph(made, arrays)
'''

FUNCTION_IN_GRAPH = '''\
def launched_in_graph(made, arrays):
    """The graph on copies of what is given, in its memory; copies of what it finds there."""
    graph, blocks, shared, _, sizes = made
    starts = starts_of(*sizes)[${slots}:]
    memory = graph.memory
    if memory is None:
        memory = graph.memory = cp.empty(starts[-1], np.uint8)

    def place(first, array):
        return memory[first : first + array.nbytes].view(array.dtype).reshape(array.shape)

    given, constants, found = arrays[:${inputs}], arrays[${inputs}:${last}], arrays[${last}:]
    before = [(place(first, array), array) for first, array in zip(starts, given)]
    after = [(array, place(first, array)) for first, array in zip(starts[${inputs}:], found)]
    graph.launch(1, blocks, shared, (*constants, memory), before, after)


def make_room():
    """Only so many graphs stay: one that was not launched for longest goes, its calls are counted anew."""
    graphs = sorted((made[0].last, sizes) for sizes, made in list(KERNELS.items())
                    if type(made) is tuple and isinstance(made[0], CapturedGraph))
    for _, sizes in graphs[: len(graphs) + 1 - GRAPHS]:
        KERNELS[sizes] = 0
'''

CALL = [
    "    made = kernel_for(sizes)",
    "    if made is None:",
    "        return ${call}",
]
