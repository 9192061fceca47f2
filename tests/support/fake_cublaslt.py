"""A stand-in for cuBLASLt that takes what ctypes hands over, checks it as the header says, and computes with NumPy.

Numbers are those of cublasLt.h (CUDA 12.9; also at docs.nvidia.com/cuda/cublas, "cublasLt Datatypes Reference"), written down
here by themselves, so that a program's own must agree with them. Matrices lie by columns: entry (i, j) at i + j * ld.
"""

import ctypes

import numpy as np

OPERATIONS = {0: "N", 1: "T"}  # cublasOperation_t
TYPES = {0: ctypes.c_float, 1: ctypes.c_double, 14: ctypes.c_uint16}  # cudaDataType: CUDA_R_32F, CUDA_R_64F, CUDA_R_16BF
# cublasComputeType_t: 32F, 64F, 32F_FAST_16BF, 32F_FAST_TF32, each with the type of alpha and beta
COMPUTE = {68: 0, 70: 1, 75: 0, 77: 0}
# cublasLtMatmulDescAttributes_t, cublasLtMatrixLayoutAttribute_t, cublasLtMatmulPreferenceAttributes_t, with their types
MATMUL = {3: ("TRANSA", ctypes.c_int32), 4: ("TRANSB", ctypes.c_int32), 7: ("EPILOGUE", ctypes.c_uint32),
          8: ("BIAS_POINTER", ctypes.c_void_p)}
LAYOUT = {5: ("BATCH_COUNT", ctypes.c_int32), 6: ("STRIDED_BATCH_OFFSET", ctypes.c_int64)}
PREFERENCE = {1: ("MAX_WORKSPACE_BYTES", ctypes.c_uint64), 5: ("MIN_ALIGNMENT_A_BYTES", ctypes.c_uint32),
              6: ("MIN_ALIGNMENT_B_BYTES", ctypes.c_uint32), 7: ("MIN_ALIGNMENT_C_BYTES", ctypes.c_uint32),
              8: ("MIN_ALIGNMENT_D_BYTES", ctypes.c_uint32)}
# cublasLtEpilogue_t: DEFAULT, RELU, BIAS, RELU_BIAS
EPILOGUES = {1: (False, False), 2: (False, True), 4: (True, False), 6: (True, True)}
INVALID_VALUE, NOT_SUPPORTED = 7, 15  # cublasStatus_t


class Fake:
    """The library: descriptors by handle, the calls that were made, in order."""

    def __init__(self, cuda, refuses=False):
        self.cuda, self.refuses = cuda, refuses  # `cuda`: whoever captures and launches
        self.known, self.calls = {}, []

    def _new(self, it, **content):
        handle = len(self.known) + 1
        self.known[handle] = content
        it._obj.value = handle
        return 0

    def _set(self, table, it, attribute, value, size):
        name, kind = table[attribute.value]
        assert type(value._obj) is kind and size.value == ctypes.sizeof(kind), f"{name} is a {kind.__name__}"
        self.known[it.value][name] = value._obj.value
        return 0

    def cublasLtCreate(self, it):
        return self._new(it)

    def cublasLtMatmulDescCreate(self, it, compute, scale):
        assert COMPUTE[compute.value] == scale.value
        return self._new(it, compute=compute.value, scale=scale.value, TRANSA=0, TRANSB=0, EPILOGUE=1)

    def cublasLtMatmulDescSetAttribute(self, *given):
        return self._set(MATMUL, *given)

    def cublasLtMatrixLayoutCreate(self, it, kind, rows, columns, ld):
        assert (type(rows), type(columns), type(ld)) == (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_int64)
        if ld.value < rows.value:
            return INVALID_VALUE  # "must be large enough so that matrix memory locations are not overlapping"
        return self._new(it, kind=kind.value, rows=rows.value, columns=columns.value, ld=ld.value, BATCH_COUNT=1,
                         STRIDED_BATCH_OFFSET=0)

    def cublasLtMatrixLayoutSetAttribute(self, *given):
        return self._set(LAYOUT, *given)

    def cublasLtMatmulPreferenceCreate(self, it):
        return self._new(it, MAX_WORKSPACE_BYTES=0)

    def cublasLtMatmulPreferenceSetAttribute(self, *given):
        return self._set(PREFERENCE, *given)

    def cublasLtMatmulPreferenceDestroy(self, it):
        del self.known[it.value]["MAX_WORKSPACE_BYTES"]
        return 0

    def cublasLtMatmulAlgoGetHeuristic(self, handle, how, a, b, c, d, wish, asked, found, count):
        assert not self.cuda.capturing(), "heuristics are asked for before a capture"
        assert asked.value == 1 and ctypes.sizeof(found) == 96, "cublasLtMatmulHeuristicResult_t has 96 bytes"
        if self.refuses:
            return NOT_SUPPORTED
        wish = self.known[wish.value]
        found[0], found[8] = how.value, wish["MAX_WORKSPACE_BYTES"]
        found[1] = sum(wish[name] << 16 * k for k, (name, _) in enumerate(list(PREFERENCE.values())[1:]))
        found[9] = 0x3F800000 << 32  # status 0, one wave
        count._obj.value = 1
        return 0

    def cublasLtMatmul(self, handle, how, alpha, A, a, B, b, beta, C, c, D, d, algo, room, size, stream):
        how, a, b, d, k = self.known[how.value], self.known[a.value], self.known[b.value], self.known[d.value], how.value
        assert algo[0] == k and size.value >= algo[8] and C.value == D.value and alpha._obj.value == 1 and beta._obj.value == 0
        for shift, address in enumerate((A, B, C, D)):
            assert address.value % (algo[1] >> 16 * shift & 0xFFFF) == 0, "an address is not aligned as was promised"
        bias, positive = EPILOGUES[how["EPILOGUE"]]
        assert a["kind"] == b["kind"] and (a["kind"] == how["scale"] or a["kind"] == 14 and how["compute"] == 68)
        assert d["kind"] in (how["scale"], a["kind"])

        def run():
            one, two = (numbers(view(address.value, it)) for address, it in ((A, a), (B, b)))
            out = view(D.value, d)
            one = one.swapaxes(1, 2) if OPERATIONS[how["TRANSA"]] == "T" else one
            two = two.swapaxes(1, 2) if OPERATIONS[how["TRANSB"]] == "T" else two
            found = one @ two
            assert found.shape == out.shape, (found.shape, out.shape)
            if bias:  # one entry for each row of D
                vector = {**d, "rows": d["rows"], "columns": 1, "ld": d["rows"], "BATCH_COUNT": 1}
                found = found + numbers(view(how["BIAS_POINTER"], vector))
            found = np.maximum(found, 0) if positive else found
            out[...] = bfloat16(found) if d["kind"] == 14 else found

        self.calls.append((d["columns"], d["rows"], a["columns"] if how["TRANSA"] == 0 else a["rows"], d["BATCH_COUNT"],
                           ["", "bias"][bias], ["", "relu"][positive]))
        self.cuda.run(run, ("product", *self.calls[-1]))
        return 0


def numbers(array):
    """Numbers in bfloat16 as float32."""
    return (array.astype(np.uint32) << 16).view(np.float32) if array.dtype == np.uint16 else array


def bfloat16(array):
    """The upper halves of float32, rounded to the nearest, to even if there are two."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return (bits + 0x7FFF + (bits >> 16 & 1) >> 16).astype(np.uint16)


def view(address, layout):
    """A stack of matrices that lie by columns."""
    kind, count, apart = TYPES[layout["kind"]], layout["BATCH_COUNT"], layout["STRIDED_BATCH_OFFSET"]
    length = (count - 1) * apart + (layout["columns"] - 1) * layout["ld"] + layout["rows"]
    flat = np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(kind)), (length,))
    item = flat.itemsize
    shape = (count, layout["rows"], layout["columns"])
    return np.lib.stride_tricks.as_strided(flat, shape, (apart * item, item, layout["ld"] * item))
