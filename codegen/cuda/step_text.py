"""The Python around the kernels of a step, as text of a program: kernels compiled when asked for, steps launched."""

from __future__ import annotations

NAMES = tuple("""KERNELS BLOCK GRID BLOCK_WORK GRID_WORK bytes_in block_lengths grid_lengths weights SIZES CHECKED_INDICES
THREADS PACE numbers fused_kernel compiled_kernel fused_step fused_steps plain_step passes solid launched
indices_of vessel_for""".split())

CHOSEN = {"block": """\
    shared = bytes_in(*block_lengths(*sizes))
    if whole <= BLOCK_WORK and shared <= room:
        return "block", f"a step of {whole} operations and {shared} bytes fits one block"
    why.append(f"one block is too slow for {whole} operations" if whole > BLOCK_WORK
               else f"a step keeps {shared} bytes in shared memory, and a block here has {room}")
""", "grid": """\
    if largest <= GRID_WORK and together:
        return "grid", "; ".join([*why, f"the largest product has {largest} operations"])
    why.append(f"a product of {largest} operations is better left to cuBLASLt"
               if largest > GRID_WORK else "the card launches no blocks that wait for each other")
""", "graph": """\
    return "graph", "; ".join(why)
"""}
CHOICE = '''\
${limits}  # operations up to which to choose it; unmeasured


${lengths}


def weights(${names}):
    """The operations of a step, and those of its largest matrix product."""
    return ${flops}, ${largest}


def vessel_for(sizes, room, together=True):
    """The vessel for these sizes, and why. `room`: the bytes of shared memory of a block;
    `together`: may blocks wait for each other?
    """
    whole, largest = weights(*sizes)
    why = []
${choices}
'''
MADE = {"block": """\
    if vessel == "block":
        text = f"namespace program {{\\n{constants}{BLOCK}}}\\n"
        kernel = cp.RawModule(code=text, options=("--std=c++17",)).get_function("train")
        kernel.max_dynamic_shared_size_bytes = shared = bytes_in(*block_lengths(*sizes))
        return kernel, 1, shared, 0, sizes
""", "grid": """\
    if vessel == "grid":
        options = {"options": ("--std=c++17",), "enable_cooperative_groups": True}
        text = f"namespace program {{\\n{constants}{GRID}}}\\n"
        kernel = cp.RawModule(code=text, **options).get_function("${entry}")
        return kernel, card["MultiProcessorCount"], parts, bytes_in(*grid_lengths(*sizes)), sizes
""", "graph": """\
    if vessel == "graph":
        text = f"namespace program {{\\n{constants}{GRAPH}}}\\n"
        try:
            return CapturedGraph(text, sizes), 2 * card["MultiProcessorCount"], parts, 0, sizes
        except (OSError, RuntimeError) as error:
            raise RuntimeError(f"{why}; {error}") from None
"""}
COMPILED = '''\
def compiled_kernel(sizes):
    """(kernel, blocks, shared bytes, global bytes, sizes). Raises RuntimeError, saying why not."""
    card = cp.cuda.Device().attributes
    vessel, why = vessel_for(sizes, card["MaxSharedMemoryPerBlockOptin"], card["CooperativeLaunch"])
    constants = "".join(f"constexpr int {name} = {size};\\n" for name, size in zip(SIZES, sizes))
    parts = 8 * 256 * np.dtype(DTYPE).itemsize  # of sums that the warps of a block share out
${made}    raise RuntimeError(why)
'''
SOLID = '''\
def solid(array):
    """An array in one piece, as a kernel reads it."""
    array = cp.ascontiguousarray(array)
    return array if array.data.ptr % 16 == 0 else array.copy()
'''
KERNEL = '''\
SIZES = ${sizes}  # the constants for which kernels are compiled
CHECKED_INDICES = ${checked}
THREADS = ${threads}
KERNELS = {}  # those that are compiled, by their sizes; None: the plain step runs there
PACE = [64]  # steps of a launch: so many that it takes about 40 ms, and Ctrl-C is heard


${choice}

${compiled}

def fused_kernel(sizes):
    """The kernel for these sizes, made when first asked for. None where a line has said why not."""
    if sizes not in KERNELS:
        try:
            KERNELS[sizes] = compiled_kernel(sizes)
        except Exception as error:
            why = " ".join(str(error).split())[:400]
            where = dict(zip(SIZES, sizes))
            print(f"no fused step for {where}: {why}; the plain step runs instead", file=sys.stderr)
            KERNELS[sizes] = None
    return KERNELS[sizes]


${solid}

def launched(state, made, arrays, order, first, steps, lr):
    """`steps` steps in one launch, on the samples of `order`; the losses before, on the device."""
    kernel, blocks, shared, room, sizes = made
    t, rooms = state.arrays["t"], state.arrays["rooms"]
${drawn}    failed = rooms.setdefault("failed", cp.zeros(${marks}, np.int32))
    rates = np.array([numbers(lr, t + k) for k in range(1, steps + 1)], DTYPE)
${graph}    losses = cp.empty(steps, DTYPE)
    vectors = [state.arrays[name] for name in ${vectors}]
    more = (${constants}order[first:], losses, failed, cp.asarray(rates.reshape(-1)), np.int32(steps))
    if room:
        memory = rooms.setdefault(("memory", room), cp.empty(room, np.uint8))
        more = (*more, memory, rooms.setdefault("word", cp.zeros(1, np.uint32)))
    kernel((blocks,), (THREADS,), (*vectors, *arrays, *more), shared_mem=shared)
    state.arrays["t"] = t + steps
    state.written[0][...] = losses[-1]
    return losses


def indices_of(state):
    """Raises ValueError where a kernel found an index out of range; parameters are those before."""
    failed = state.arrays["rooms"].get("failed")
    if failed is not None:
        told = [text for text, mark in zip(CHECKED_INDICES, cp.asnumpy(failed).tolist()) if mark]
        if told:
            failed.fill(0)
            raise ValueError("; ".join(told))
'''

BYTES_IN = '''\
def bytes_in(*lengths):
    """The bytes of arrays that each begin at a multiple of 16."""
    return sum(-(-length // 16) * 16 for length in lengths)'''

STEPS = '''\
def fused_steps(state, arrays, order, size, lr):
    """Steps on the samples in this order, `size` at a time, many in a launch: yields their losses,
    as numbers, or as arrays on the device where steps are plain. What is left over stays.
    """
    count = len(order) // size
    if not count:
        return
${sizes}
    made, done = fused_kernel(sizes), 0
    if made is not None:
        arrays, order = [solid(array) for array in arrays], solid(order)
    while made is not None and done < count:
        steps, start = min(PACE[0], count - done${most}), time.perf_counter()
        losses = launched(state, made, arrays, order, done * size, steps, lr)
        found = cp.asnumpy(losses).tolist()  # all that is read from the device in a launch
        if not all(map(math.isfinite, found)):
            indices_of(state)
        pace = int(0.04 * steps / max(time.perf_counter() - start, 1e-6))
        PACE[0] = max(1, min(pace, 8 * PACE[0], 1 << 16))
        done += steps
        yield found
    for k in range(done, count):
        chosen = order[k * size : (k + 1) * size]
        yield [plain_step(state, [${chosen}], lr)]


def passes(state, arrays, order, size, lr):
    """The steps of an epoch: for each minibatch its number of samples and the loss before it."""
    if state.ranks is not None:  # a sum goes around within each step
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            samples = len(chosen)
            chosen = chosen[state.ranks.part(samples)]
            yield samples, ${shared}(state, [${chosen}${count}], lr)
        return
    for losses in fused_steps(state, arrays, order, size, lr):
        for loss in losses:
            yield size, loss
    chosen = order[len(order) // size * size :]
    if len(chosen):
        yield len(chosen), plain_step(state, [${chosen}], lr)
'''

WHOLE = '''\
def passes(state, arrays, order, size, lr):
    """The one step of an epoch, on all data: its number of samples and the loss before it."""
    yield 1, step(state, arrays, lr)
'''

LOOP = '''\
            total, seen, start = 0.0, 0, time.perf_counter()
            order = ${order}
            arrays = [data[name] for name in DATA]
            for count, loss in passes(state, arrays, order, batch_size, lr):
                total, seen = total + count * loss, seen + count
            if ranks is not None:
                ranks.look(state.found)
            loss = float(total) / seen
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
            log(f"epoch {epoch:3d}   loss {loss:.6g}   {time.perf_counter() - start:.2f} s")
'''

LAST = """\
plain_step, step = step, fused_step
"""
