"""The Python around the kernel of a function, as text of its module."""

from __future__ import annotations

PLAIN = "plain_"  # how the function is called that makes a call for each line

RUNTIME = '''\
SIZES = ${sizes}  # the constants for which the kernel is compiled
GRID_WORK = 300_000_000  # operations of a product that cuBLAS had better do; unmeasured
PATIENCE = [8]  # calls with the same sizes before its kernel is compiled
KERNELS = {}  # by sizes: a kernel, how often it was asked for, or None


def memory_for(${names}):
    """The bytes of what is computed in between."""
    return sum(-(-length // 16) * 16 for length in (${lengths},))


def largest_for(${names}):
    """The operations of the largest matrix product."""
    return max((${products},))


def kernel_for(sizes):
    """(kernel, blocks, bytes of memory) for these sizes; None where the plain function computes."""
    found = KERNELS.get(sizes, 0)
    if type(found) is int:
        found = KERNELS[sizes] = found + 1
        if found <= PATIENCE[0]:
            return None
        card = cp.cuda.Device().attributes
        found = None
        if card["CooperativeLaunch"] and largest_for(*sizes) <= GRID_WORK and 0 not in sizes:
            constants = "".join(f"constexpr int {name} = {size};\\n" for name, size in zip(SIZES, sizes))
            options = {"options": ("--std=c++17",), "enable_cooperative_groups": True}
            text = f"namespace program {{\\n{constants}{KERNEL}}}\\n"
            try:
                kernel = cp.RawModule(code=text, **options).get_function("compute")
                found = kernel, card["MultiProcessorCount"], memory_for(*sizes)
            except Exception as error:
                why = " ".join(str(error).split())[:400]
                print(f"no kernel for {dict(zip(SIZES, sizes))}: {why}", file=sys.stderr)
        KERNELS[sizes] = found
    return found


def solid(array):
    """An array in one piece, as a kernel reads it."""
    array = cp.ascontiguousarray(array)
    return array if array.data.ptr % 16 == 0 else array.copy()


def launched(made, arrays):
    """The kernel on arrays that are given and such that are filled."""
    kernel, blocks, room = made
    parts = 8 * 256 * np.dtype(cp.${single}).itemsize  # of sums that the warps of a block share out
    memory = cp.empty(room, np.uint8)
    kernel((blocks,), (256,), (*arrays, memory, ${word}), shared_mem=parts)
'''

CALL = [
    "    made = kernel_for(sizes)",
    "    if made is None:",
    "        return ${call}",
]
