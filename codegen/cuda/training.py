"""The training step of a program on a GPU as whole steps in one launch: the kernel, and the Python around it, as text.

The state is that of the plain step, flat vectors on the device, so either can go on where the other has ended. What has no
kernel runs plain, and the plan says why.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.codegen.cuda.block import block_kernel
from symgrad.codegen.cuda.prelude import folded
from symgrad.codegen.cuda.step import KernelText
from symgrad.codegen.phases.plan import plain_plan
from symgrad.codegen.python.batch import INSIDE, REFUSED, WORDS, batch_of, kind_name
from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.workspace import filled
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import block, in_comment, literal
from symgrad.graphs.errors import BackendError

NAMES = tuple("""KERNELS CUDA SIZES CHECKED_INDICES THREADS PACE shared_bytes numbers fused_kernel compiled_kernel
fused_step fused_steps plain_step passes solid launched indices_of""".split())

KERNEL = '''\
SIZES = ${sizes}  # the constants for which the kernel is compiled
CHECKED_INDICES = ${checked}
THREADS = ${threads}
KERNELS = {}  # those that are compiled, by their sizes; None: the plain step runs there
PACE = [64]  # steps of a launch: so many that it takes about 40 ms, and Ctrl-C is heard


def shared_bytes(${names}):
    """What a step keeps in the shared memory of its block."""
    return sum(-(-length // 16) * 16 for length in (${lengths}))


def compiled_kernel(sizes):
    """The kernel for these sizes, and its shared memory. Raises MemoryError where there is less."""
    shared = shared_bytes(*sizes)
    room = cp.cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"]
    if shared > room:
        raise MemoryError(f"a step keeps {shared} bytes in shared memory, and a block here has {room}")
    constants = "".join(f"constexpr int {name} = {size};\\n" for name, size in zip(SIZES, sizes))
    kernel = cp.RawModule(code=constants + CUDA, options=("--std=c++17",)).get_function("train")
    kernel.max_dynamic_shared_size_bytes = shared
    return kernel, shared


def fused_kernel(sizes):
    """The kernel for these sizes, made when first asked for. None where a line has said why not."""
    if sizes not in KERNELS:
        try:
            KERNELS[sizes] = compiled_kernel(sizes)
        except Exception as error:
            why = " ".join(str(error).split())[:200]
            text = f"no fused step for {dict(zip(SIZES, sizes))}: {why}; the plain step runs instead"
            print(text, file=sys.stderr)
            KERNELS[sizes] = None
    return KERNELS[sizes]


def solid(array):
    """An array in one piece, as a kernel reads it."""
    array = cp.ascontiguousarray(array)
    return array if array.data.ptr % 16 == 0 else array.copy()


def launched(state, made, arrays, order, first, steps, lr):
    """`steps` steps in one launch, on the samples of `order`; the losses before, on the device."""
    kernel, shared = made
    t, rooms = state.arrays["t"], state.arrays["rooms"]
    failed = rooms.setdefault("failed", cp.zeros(${marks}, np.int32))
    losses = cp.empty(steps, DTYPE)
    rates = np.array([numbers(lr, t + k) for k in range(1, steps + 1)], DTYPE)
    vectors = [state.arrays[name] for name in ${vectors}]
    more = (${constants}order[first:], losses, failed, cp.asarray(rates.reshape(-1)), np.int32(steps))
    kernel((1,), (THREADS,), (*vectors, *arrays, *more), shared_mem=shared)
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

STEPS = '''\
def fused_steps(state, arrays, order, size, lr):
    """Steps on the samples in this order, `size` at a time, many in a launch: yields their losses, as
    numbers, or as arrays on the device where steps are plain. What is left over is not looked at.
    """
    count = len(order) // size
    if not count:
        return
${sizes}
    made = fused_kernel(sizes)
    if made is None:
        for k in range(count):
            chosen = order[k * size : (k + 1) * size]
            yield [plain_step(state, [${chosen}], lr)]
        return
    arrays, order, done = [solid(array) for array in arrays], solid(order), 0
    while done < count:
        steps, start = min(PACE[0], count - done), time.perf_counter()
        losses = launched(state, made, arrays, order, done * size, steps, lr)
        found = cp.asnumpy(losses).tolist()  # all that is read from the device in a launch
        if not all(map(math.isfinite, found)):
            indices_of(state)
        pace = int(0.04 * steps / max(time.perf_counter() - start, 1e-6))
        PACE[0] = max(1, min(pace, 8 * PACE[0], 1 << 16))
        done += steps
        yield found


def passes(state, arrays, order, size, lr):
    """The steps of an epoch: for each minibatch its number of samples and the loss before it."""
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
            loss = float(total) / seen
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
            log(f"epoch {epoch:3d}   loss {loss:.6g}   {time.perf_counter() - start:.2f} s")
'''

LAST = """\
plain_step, step = step, fused_step
"""


def step_in_cuda(step: Stepping) -> Blocks:
    """The training step by a kernel that does whole steps; the plain one, with the reason, where there is none."""
    try:
        if any("norm_of(" in line for line in step.rates):
            raise BackendError("the rule needs the length of a vector before each update")
        if step.masks:
            raise BackendError("its masks are drawn by the host")
        if step.moves:
            raise BackendError("formulas move numbers that are no parameters")
        kernel = block_kernel(step)
    except BackendError as error:
        return Blocks((), (), plan=plain_plan(str(error)))
    plan = [f"# {in_comment(line)}" for line in folded("\n".join(kernel.plan.brief)).split("\n")]
    text = "\n".join([*plan, "CUDA = " + block("\n" + kernel.text)])
    order = 'cp.asarray(rng.permutation(len(data[SAMPLES[0]])))' if step.divisible else "None"
    return Blocks((text, _kernel_text(step, kernel), _numbers(step), _step(step, kernel),
                   _steps(step, kernel) if step.divisible else WHOLE), (LAST,), plan=kernel.plan,
                  loop=filled(LOOP, order=order))


def _kernel_text(step: Stepping, kernel: KernelText) -> str:
    names = list(kernel.sizes.values())
    lengths = "\n" + "".join(f"        {length},\n" for length in kernel.lengths) + "    "
    constants = "".join(f"{a.name}, " for a in kernel.arguments if a.role == "constant")
    checked = "\n" + "".join(f"    {literal(text)},\n" for text in kernel.checked)
    return filled(KERNEL, sizes=_tuple(names), checked=f"({checked})", threads=str(kernel.threads), names=", ".join(names),
                  lengths=lengths, marks=str(max(1, len(kernel.checked))), vectors=_tuple(step.vectors),
                  constants=constants)


def _tuple(names: Sequence[str]) -> str:
    return f"({', '.join(map(literal, names))}{',' if len(names) == 1 else ''})"


def _numbers(step: Stepping) -> str:
    """The function that says what a step multiplies with."""
    lines = ["def numbers(lr, t):", '    """What step `t`, counted from 1, multiplies with."""', *step.rates]
    return "\n".join([*lines, f"    return ({', '.join(step.numbers)}{',' if len(step.numbers) == 1 else ''})"])


def _step(step: Stepping, kernel: KernelText) -> str:
    """One step by the kernel, on a batch that is checked as the plain step does."""
    scope = {*WORDS, *NAMES, *step.numbers}
    batch = batch_of(step, scope, lambda k, dtype: f"taken(batch[{k}], {kind_name(dtype)})", False, list(kernel.sizes))
    sizes = [batch.sizes[symbol] for symbol in kernel.sizes]
    count = f"len({batch.arrays[_first(step)]})" if step.divisible else "0"
    arrays = ", ".join(f"solid({name})" for name in batch.arrays)
    lines = [
        "def fused_step(state, batch, lr=LR):", '    """The same step by the kernel of whole steps, in one launch."""',
        "    if type(state) is not State:", "        return of_dict(state, batch, lr)", "    try:", *batch.lines,
        f"{INSIDE}made = fused_kernel(({', '.join(sizes)}{',' if len(sizes) == 1 else ''}))", REFUSED,
        "    if made is None:", "        return plain_step(state, batch, lr)",
        f"    order = state.arrays[\"rooms\"].setdefault((\"order\", {count}), cp.arange({count}))"]
    return "\n".join([*lines, *wrap_line(f"return launched(state, made, [{arrays}], order, 0, 1, lr)[0]", "    ")])


def _first(step: Stepping) -> int:
    return next(k for k, (_, node) in enumerate(step.data) if node.attrs[0].over is not None)


def _steps(step: Stepping, kernel: KernelText) -> str:
    """Many steps: the sizes are read off a first batch, which is not copied."""
    own = "size order arrays count made chosen steps start found pace done losses k".split()
    taken = {*NAMES, *step.numbers, *own}
    batch = batch_of(step, taken, lambda k, dtype: f"taken(batch[{k}], {kind_name(dtype)})", False, list(kernel.sizes))
    over = [node.attrs[0].over is not None for _, node in step.data]
    first = ", ".join(f"arrays[{k}]{'[:size]' if cut else ''}" for k, cut in enumerate(over))
    chosen = ", ".join(f"arrays[{k}]{'[chosen]' if cut else ''}" for k, cut in enumerate(over))
    sizes = [batch.sizes[symbol] for symbol in kernel.sizes]
    lines = [f"    batch = [{first}]", "    try:", *batch.lines, REFUSED,
             f"    sizes = ({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"]
    return filled(STEPS, sizes="\n".join(lines), chosen=chosen)
