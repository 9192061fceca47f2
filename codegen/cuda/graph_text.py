"""The Python around the kernels and the products of a graph, as text of a program: of a training step, or a function."""

from __future__ import annotations

GRAPH_NAMES = tuple("""Blas BLAS WORKSPACE COMPUTE REAL_TYPE BFLOAT16 LAUNCHES GRAPH CapturedGraph stays products_of
starts_of alignment KERNEL_ARRAYS launched_in_graph graph_lengths""".split())
TYPES_OF = {  # by dtype and precision: cublasComputeType_t, cudaDataType, and what they mean
    ("float32", "float32"): ("68", "0", "CUBLAS_COMPUTE_32F, CUDA_R_32F"),
    ("float32", "tf32"): ("77", "0", "CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F"),
    ("float32", "bfloat16"): ("68", "0", "CUBLAS_COMPUTE_32F, CUDA_R_32F; operands are CUDA_R_16BF"),
    ("float64", "float32"): ("70", "1", "CUBLAS_COMPUTE_64F, CUDA_R_64F")}

LAUNCHED = """\
    if isinstance(kernel, CapturedGraph):
        losses = launched_in_graph(state, made, arrays, order[first:], steps, rates, failed)
        state.arrays["t"] = t + steps
        state.written[0][...] = losses[-1]
        return losses
"""

LIBRARY = '''\
WORKSPACE = 32 << 20  # bytes for cuBLASLt, so many as NVIDIA recommends for these cards
COMPUTE, REAL_TYPE = ${compute}, ${real}  # ${meaning}
BFLOAT16 = 14  # CUDA_R_16BF
BLAS = []  # made when first asked for


def alignment(address):
    """The power of two, up to 256, of which an address is a multiple."""
    return min(256, address & -address)


class Blas:
    """Products of matrices by cuBLASLt, through ctypes: CuPy's own refuse to be captured.

    Matrices lie by rows here and by columns there, where the same memory is the transpose: A B is
    computed as (B' A')'.
    """

    def __init__(self):
        cp.cuda.device.get_cublas_handle()  # the library that CuPy was built for is loaded now
        version = cp.cuda.runtime.runtimeGetVersion() // 1000
        windows = sys.platform == "win32"
        name = f"cublasLt64_{version}.dll" if windows else f"libcublasLt.so.{version}"
        self.library, self.handle = ctypes.CDLL(name), ctypes.c_void_p()
        self.call("Create", ctypes.byref(self.handle))
        self.room = cp.empty(WORKSPACE, np.uint8)  # a graph has its address
        self.stream, self.lock = cp.cuda.Stream(non_blocking=True), threading.Lock()  # of all graphs: one room
        self.launches = 0

    def call(self, name, *arguments):
        status = getattr(self.library, f"cublasLt{name}")(*arguments)
        if status:
            raise RuntimeError(f"cublasLt{name} gives status {status}")

    def made(self, what, *arguments):
        it = ctypes.c_void_p()
        self.call(f"{what}Create", ctypes.byref(it), *arguments)
        return it

    def put(self, what, it, attribute, value):
        size = ctypes.c_size_t(ctypes.sizeof(value))
        self.call(f"{what}SetAttribute", it, ctypes.c_int(attribute), ctypes.byref(value), size)

    def layout(self, kind, lines, length, step, apart, many):
        """`lines` columns there, each of `length` entries, begin `step` apart; `many` such matrices."""
        sizes = ctypes.c_uint64(length), ctypes.c_uint64(lines), ctypes.c_int64(step)
        it = self.made("MatrixLayout", ctypes.c_int(kind), *sizes)
        if many > 1:
            self.put("MatrixLayout", it, 5, ctypes.c_int32(many))  # BATCH_COUNT
            self.put("MatrixLayout", it, 6, ctypes.c_int64(apart))  # STRIDED_BATCH_OFFSET
        return it

    def product(self, rows, columns, depth, many, one, two, result, bias, positive, kind, into):
        """A function that launches a product on a stream. Operands: address, step from line to line,
        are these columns, step from matrix to matrix. The algorithm is asked for here, for nothing may
        be asked while a graph is captured.
        """
        first, first_line, first_turned, first_apart = one
        second, second_line, second_turned, second_apart = two
        how = self.made("MatmulDesc", ctypes.c_int(COMPUTE), ctypes.c_int(REAL_TYPE))
        self.put("MatmulDesc", how, 3, ctypes.c_int32(second_turned))  # TRANSA: it is first there
        self.put("MatmulDesc", how, 4, ctypes.c_int32(first_turned))  # TRANSB
        epilogue = 4 * (bias is not None) + 2 * positive or 1  # BIAS, RELU, both, DEFAULT
        self.put("MatmulDesc", how, 7, ctypes.c_uint32(epilogue))  # EPILOGUE
        if bias is not None:
            self.put("MatmulDesc", how, 8, ctypes.c_void_p(bias))  # BIAS_POINTER
        shape = (columns, depth) if second_turned else (depth, columns)
        a = self.layout(kind, *shape, second_line, second_apart, many)
        shape = (depth, rows) if first_turned else (rows, depth)
        b = self.layout(kind, *shape, first_line, first_apart, many)
        c = self.layout(into, rows, columns, columns, rows * columns, many)
        wish = self.made("MatmulPreference")
        self.put("MatmulPreference", wish, 1, ctypes.c_uint64(WORKSPACE))  # MAX_WORKSPACE_BYTES
        for k, address in enumerate((second, first, result, result), 5):  # MIN_ALIGNMENT_A_BYTES, ...
            self.put("MatmulPreference", wish, k, ctypes.c_uint32(alignment(address)))
        found, count = (ctypes.c_uint64 * 12)(), ctypes.c_int()  # an algorithm; its status is the tenth
        self.call("MatmulAlgoGetHeuristic", self.handle, how, a, b, c, c, wish, ctypes.c_int(1), found,
                  ctypes.byref(count))
        self.call("MatmulPreferenceDestroy", wish)
        if not count.value or found[9] & 0xFFFFFFFF:
            raise RuntimeError(f"it has no way for {rows} x {depth} by {depth} x {columns}")
        number = ctypes.c_float if DTYPE == "float32" else ctypes.c_double
        alpha, beta, room = number(1), number(0), ctypes.c_void_p(self.room.data.ptr)
        second, first, result = map(ctypes.c_void_p, (second, first, result))

        def run(stream):
            self.call("Matmul", self.handle, how, ctypes.byref(alpha), second, a, first, b,
                      ctypes.byref(beta), result, c, result, c, found, room, ctypes.c_size_t(WORKSPACE),
                      ctypes.c_void_p(stream.ptr))

        return run
'''

RUNTIME_OF_GRAPH = '''\
# What is launched, kernels by name and products by number; what every kernel is given.
${launches}
${arrays}


def starts_of(${names}):
    """Where each array begins in the memory of a graph, in bytes, and where the last ends."""
    starts = [0]
    for length in graph_lengths(${names}):
        starts.append(starts[-1] + -(-length // 16) * 16)
    return starts


def products_of(${names}):
    """The products: rows, columns, depth, how many; both operands (array, first byte, step from line
    to line, are these columns, step from matrix to matrix); where the result lies, and the vector that
    is added; relu or not; the types of operands and result.
    """
    starts = starts_of(${names})
    return [
${products}
    ]


class CapturedGraph:
    """Kernels and products that are captured into a graph, which is launched each time."""

    def __init__(self, text, sizes):
        if not BLAS:
            BLAS.append(Blas())
        module = cp.RawModule(code=text, options=("--std=c++17",))
        names = [name for name in LAUNCHES if isinstance(name, str)]
        self.kernels = {name: module.get_function(name) for name in names}
        self.stream = BLAS[0].stream
        self.sizes, self.key, self.graph, self.alone = sizes, None, None, False
        self.last, self.memory = 0, None  # the number of its last launch; what a function keeps there
        self.products(dict.fromkeys(KERNEL_ARRAYS, 1 << 20))  # is there a way to compute each of them?

    def products(self, address):
        """The products, as functions that launch them, for arrays at these addresses."""
        def place(array, first):
            return address[array] + first

        found = []
        for *sizes, one, two, result, bias, positive, kind, into in products_of(*self.sizes):
            one, two = ((place(*operand[:2]), *operand[2:]) for operand in (one, two))
            bias = place(*bias) if bias else None
            result = place(*result)
            found.append(BLAS[0].product(*sizes, one, two, result, bias, positive, kind, into))
        return found

    def each(self):
        """All launches, one after the other."""
        blocks, shared, arguments = self.given
        for name in LAUNCHES:
            if isinstance(name, str):
                self.kernels[name]((blocks,), (THREADS,), arguments, shared_mem=shared)
            else:
                self.runs[name](self.stream)

    def captured(self):
        """The graph of all launches. None where a line has said why there is none."""
        try:
            self.stream.begin_capture()
            try:
                self.each()
            finally:
                graph = self.stream.end_capture()
        except Exception as error:
            self.alone, where = True, dict(zip(SIZES, self.sizes))
            why = " ".join(str(error).split())[:400]
            print(f"no graph for {where}: {why}; its kernels are launched one by one", file=sys.stderr)
            return None
        return graph

    def launch(self, times, blocks, shared, arguments, before=(), after=()):
        """All of it so many times, for these arrays, the arguments of the kernels in order. The first
        time for them is no graph yet: that loads what nobody may load while a graph is captured.
        `before` and `after`: pairs of arrays, of which the second is copied into the first.
        """
        now, key = cp.cuda.get_current_stream(), tuple(array.data.ptr for array in arguments)
        with BLAS[0].lock, self.stream:
            self.stream.wait_event(now.record())
            BLAS[0].launches = self.last = BLAS[0].launches + 1
            for to, array in before:
                to[...] = array
            if key != self.key:
                self.runs = self.products(dict(zip(KERNEL_ARRAYS, key)))
                self.key, self.graph, self.given = None, None, (blocks, shared, arguments)
                self.each()
                self.key, times = key, times - 1
            for _ in range(times):
                if self.graph is None and not self.alone:
                    self.graph = self.captured()
                if self.graph is None:
                    self.each()
                else:
                    self.graph.launch(self.stream)
            for to, array in after:
                to[...] = array
            now.wait_event(self.stream.record())
'''

STEPS_IN_GRAPH = '''\
def stays(rooms, name, array):
    """A copy of an array at one place, where a graph finds it; a larger one lies elsewhere."""
    array = array.reshape(-1)
    room = rooms.get((name, array.dtype.str))
    if room is None or room.size < array.size:
        room = rooms[name, array.dtype.str] = cp.empty(array.size, array.dtype)
    room[: array.size] = array
    return room


def launched_in_graph(state, made, arrays, order, steps, rates, failed):
    """`steps` launches of the graph of a step on the samples of `order`; the losses before, on the device."""
    graph, blocks, shared, _, sizes = made
    arrays, rooms = list(arrays), state.arrays["rooms"]
    vectors = [state.arrays[name] for name in ${vectors}]
    for k, array in enumerate(arrays):  # a batch that is handed over lies elsewhere each time, as masks do
        if steps == 1 or k >= ${data}:
            arrays[k] = stays(rooms, ("batch", k), array)
    order = stays(rooms, "samples", order)
    rates = stays(rooms, "rates", cp.asarray(rates.reshape(-1)))
    losses = stays(rooms, "losses", cp.zeros(steps, DTYPE))
    count, memory = stays(rooms, "count", cp.zeros(2, np.int32)), rooms.get(("graph", sizes))
    if memory is None:
        memory = rooms["graph", sizes] = cp.empty(starts_of(*sizes)[-1], np.uint8)
    graph.launch(steps, blocks, shared, (*vectors, *arrays, ${constants}order, losses, failed, rates, memory, count))
    return losses[:steps].copy()
'''
