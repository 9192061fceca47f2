"""A stand-in for CuPy, on NumPy: only the names and arguments that CuPy 14.2 has, with its differences.

Arrays are of a class of their own, so that NumPy refuses them and they refuse NumPy's; what has no axes stays an
array; an index out of range wraps; einsum gives copies (as with cuTENSOR) and has no `out`; ufuncs have no `reduce`
and no `at`; `dot` wants a contiguous `out`; a matrix without an inverse gives NaN. `READS` counts what is read from
"the device". Kernels run on the CPU, thread by thread, where a test gives them shared memory. tests/codegen/test_cupy.py compares the names and arguments with CuPy where that is installed.
"""

import math
import types

import emulate
import mpmath
import numpy as np

READS = [0]
SHARED = [0]  # bytes of shared memory that a block may have: none, unless a test wants kernels (`emulate.py` runs them)
TOGETHER = [0]  # may blocks wait for each other? Not unless a test wants it
ORDER = [0]  # in which order the threads of a kernel run
WORDS = "add subtract multiply divide negative power maximum minimum abs sign floor exp expm1 log log1p sqrt sin cos tan sinh cosh tanh " \
    "log2 log10 ceil rint isnan arcsin arccos arctan arcsinh arccosh arctanh arctan2 hypot isinf fmax logaddexp isfinite less less_equal greater greater_equal equal not_equal " \
    "logical_and logical_or logical_not".split()


class ndarray:  # noqa: N801 - CuPy's name
    """An array "on the device"."""

    __array_ufunc__ = None

    def __init__(self, array):
        self._a = array

    def __array__(self, *args, **more):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    __cuda_array_interface__ = property(lambda self: {"shape": self.shape})
    shape = property(lambda self: self._a.shape)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    dtype = property(lambda self: self._a.dtype)
    strides = property(lambda self: self._a.strides)
    nbytes = property(lambda self: self._a.nbytes)
    data = property(lambda self: types.SimpleNamespace(ptr=self._a.ctypes.data))
    flags = property(lambda self: self._a.flags)
    T = property(lambda self: ndarray(self._a.T))
    mT = property(lambda self: ndarray(self._a.mT))  # noqa: N815

    def __len__(self):
        return len(self._a)

    def __getitem__(self, index):
        return ndarray(self._a[*self._index(index), ...])

    def __setitem__(self, index, value):
        self._a[*self._index(index), ...] = inner(value)

    def _index(self, index):
        """An index that NumPy takes, the Ellipsis written out and arrays of numbers wrapped."""
        parts, axis, done = list(index) if isinstance(index, tuple) else [index], 0, []
        rest = self.ndim - len([part for part in parts if part is not None and part is not Ellipsis])
        for part in [q for p in parts for q in ([slice(None)] * rest if p is Ellipsis else [p])]:
            assert not isinstance(part, np.ndarray), "an index array of NumPy is copied to the device every time"
            if isinstance(part, ndarray):
                assert part.dtype.kind == "i", "boolean indices synchronise"
                part = part._a % self.shape[axis] if self.shape[axis] else part._a
            axis += part is not None
            done.append(part)
        return done

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def get(self, stream=None, order="C", out=None, blocking=True):
        READS[0] += 1
        return self._a.copy()

    def item(self):
        READS[0] += 1
        return self._a.item()

    def sum(self, axis=None, dtype=None, out=None, keepdims=False):
        return reduced(np.sum, self, axis, out, keepdims)

    def prod(self, axis=None, dtype=None, out=None, keepdims=None):
        return reduced(np.prod, self, axis, out, bool(keepdims))

    def max(self, axis=None, out=None, keepdims=False):
        return reduced(np.max, self, axis, out, keepdims)

    def min(self, axis=None, out=None, keepdims=False):
        return reduced(np.min, self, axis, out, keepdims)

    def any(self, axis=None, out=None, keepdims=False):
        return reduced(np.any, self, axis, out, keepdims)

    def all(self, axis=None, out=None, keepdims=False):
        return reduced(np.all, self, axis, out, keepdims)

    def argmax(self, axis=None, out=None, dtype=None, keepdims=False):
        return reduced(np.argmax, self, axis, out, keepdims)

    def argmin(self, axis=None, out=None, dtype=None, keepdims=False):
        return reduced(np.argmin, self, axis, out, keepdims)

    def cumsum(self, axis=None, dtype=None, out=None):
        return ndarray(self._a.cumsum(axis))

    def astype(self, dtype, order="K", casting=None, subok=None, copy=True):
        if casting is not None:
            raise TypeError("casting is not supported yet")
        return ndarray(self._a.astype(dtype, copy=copy))

    def transpose(self, *axes):
        return ndarray(self._a.transpose(*axes))

    def reshape(self, *shape, order="C", copy=None):
        return ndarray(self._a.reshape(*shape))

    def diagonal(self, offset=0, axis1=0, axis2=1):
        return ndarray(self._a.diagonal(offset, axis1, axis2))

    def ravel(self, order="C"):
        return ndarray(self._a.ravel())

    def copy(self, order="C"):
        return ndarray(self._a.copy())

    def fill(self, value):
        self._a.fill(value)

    def view(self, dtype=None, type=None):
        return ndarray(self._a.view(dtype))


def inner(value):
    """What NumPy computes with: CuPy takes its own arrays and scalars, and no arrays of NumPy."""
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    return value._a if isinstance(value, ndarray) else value


def outer(value):
    return ndarray(np.asarray(value))


def reduced(f, a, axis, out, keepdims):
    if out is not None:
        assert out.shape == np.shape(f(a._a, axis=axis, keepdims=keepdims)), "Output array has an invalid shape"
        f(a._a, axis=axis, out=out._a, keepdims=keepdims)
        return out
    return outer(f(a._a, axis=axis, keepdims=keepdims))


class ufunc:  # noqa: N801 - CuPy's name
    """No reduce; `at` for sums of real numbers alone."""

    def __init__(self, f):
        self._f = f

    def __call__(self, *args, out=None, dtype=None, casting="same_kind"):
        args = [inner(a) for a in args]
        with np.errstate(all="ignore"):
            if out is None:
                return outer(self._f(*args))
            assert out.shape == np.broadcast_shapes(out.shape, *map(np.shape, args))
            out._a[...] = self._f(*args).astype(out.dtype, casting=casting)
            return out

    def at(self, a, indices, b):
        if self._f is not np.add:
            raise TypeError("cupy.subtract.at only supports int32, uint32, as data type")
        if a.dtype.kind != "f":
            raise TypeError("add.at only supports int32, float16, float32, float64, uint32, uint64, as data type")
        self._f.at(a._a, tuple(a._index(indices)), np.broadcast_to(inner(b), a[indices].shape))


def operator(f, back=False):
    def method(self, other):
        if not isinstance(other, (ndarray, np.ndarray, np.generic, bool, int, float)):
            return NotImplemented
        return ufunc(f)(other, self) if back else ufunc(f)(self, other)
    return method


def inplace(f):
    return lambda self, other: ufunc(f)(self, other, out=self)


for name, f in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "truediv": np.divide, "pow": np.power, "mod": np.mod,
                "and": np.bitwise_and, "or": np.bitwise_or}.items():
    setattr(ndarray, f"__{name}__", operator(f))
    setattr(ndarray, f"__r{name}__", operator(f, True))
    setattr(ndarray, f"__i{name}__", inplace(f))
for name, f in {"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal}.items():
    setattr(ndarray, f"__{name}__", operator(f))
ndarray.__hash__ = None
ndarray.__neg__ = lambda self: ufunc(np.negative)(self)
ndarray.__invert__ = lambda self: ufunc(np.invert)(self)
ndarray.__matmul__ = lambda self, other: matmul(self, other)


def dot(a, b, out=None):
    if out is None:
        return matmul(a, b)
    if not out.flags.c_contiguous:
        raise ValueError("Output array must be C-contiguous")
    assert a.dtype == b.dtype == out.dtype, "Not supported dtype combination."
    out._a[...] = matmul(a, b)._a
    return out


def matmul(*args, out=None):
    with np.errstate(all="ignore"):
        result = outer(inner(args[0]) @ inner(args[1]))
    if out is None:
        return result
    assert out.shape == result.shape
    out._a[...] = result._a
    return out


def vdot(a, b):
    return outer(np.vdot(a._a, b._a))


def einsum(*operands):
    subscripts, *arrays = operands
    return ndarray(np.array(np.einsum(subscripts, *(x._a for x in arrays))))


def copyto(dst, src, casting="same_kind", where=None):
    np.copyto(dst._a, inner(src), casting=casting)


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    result = np.concatenate([x._a for x in tup], axis)
    if out is None:
        return ndarray(result)
    assert out.shape == result.shape
    out._a[...] = result
    return out


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    return ndarray(np.stack([x._a for x in tup], axis))


def where(condition, x=None, y=None):
    return outer(np.where(condition.astype("?")._a, inner(x), inner(y)))


def sum(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.sum(axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def prod(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.prod(axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def max(a, axis=None, out=None, keepdims=False):
    return a.max(axis=axis, out=out, keepdims=keepdims)


def min(a, axis=None, out=None, keepdims=False):
    return a.min(axis=axis, out=out, keepdims=keepdims)


def argmax(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.argmax(axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def argmin(a, axis=None, dtype=None, out=None, keepdims=False):
    return a.argmin(axis=axis, dtype=dtype, out=out, keepdims=keepdims)


def zeros(shape, dtype=float, order="C"):
    return ndarray(np.zeros(shape, dtype))


def ones(shape, dtype=float, order="C"):
    return ndarray(np.ones(shape, dtype))


def empty(shape, dtype=float, order="C"):
    return ndarray(np.full(shape, 77, dtype))


def full(shape, fill_value, dtype=None, order="C"):
    return ndarray(np.full(shape, inner(fill_value), dtype))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return ndarray(np.zeros_like(a._a, dtype, order, shape=shape))


def full_like(a, fill_value, dtype=None, order="K", subok=None, shape=None):
    return ndarray(np.full_like(a._a, fill_value))


def arange(start, stop=None, step=1, dtype=None):
    return ndarray(np.arange(start))


def eye(N, M=None, k=0, dtype=float, order="C"):  # noqa: N803 - CuPy's names
    return ndarray(np.eye(N, M, k, dtype))


def diag(v, k=0):
    return ndarray(np.diag(v._a, k).copy())


def indices(dimensions, dtype=int):
    return ndarray(np.indices(dimensions, dtype))


def moveaxis(a, source, destination):
    return ndarray(np.moveaxis(a._a, source, destination))


def partition(a, kth, axis=-1):
    return ndarray(np.partition(a._a, kth, axis))


def nonzero(a):
    READS[0] += 1  # how many there are
    return tuple(map(ndarray, np.nonzero(a._a)))


def broadcast_to(array, shape):
    return ndarray(np.broadcast_to(array._a, shape))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    return ndarray(np.array(inner(obj) if isinstance(obj, ndarray) else obj, dtype))


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return a if isinstance(a, ndarray) else ndarray(np.array(a, dtype))


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def lenient(f):
    """cuSOLVER says nothing of a matrix that is singular: its results are not finite."""
    def one(a, *rest):
        try:
            with np.errstate(all="ignore"):
                return f(a._a, *(r._a for r in rest))
        except np.linalg.LinAlgError:
            return np.full((rest or (a,))[-1].shape, np.nan, a.dtype)
    return one


def inv(a):
    return outer(lenient(np.linalg.inv)(a))


def solve(a, b):
    assert b.ndim == 1 and a.ndim == 2 or a.shape[:-1] == b.shape[:-1], "a must have (..., M, M) shape and b (..., M, K)"
    return outer(lenient(np.linalg.solve)(a, b))


def det(a):
    return outer(lenient(np.linalg.det)(a))


def slogdet(a):
    with np.errstate(all="ignore"):
        return tuple(map(outer, np.linalg.slogdet(a._a)))


def cholesky(a):
    return outer(lenient(np.linalg.cholesky)(a))


def svd(a, full_matrices=True, compute_uv=True):
    found = np.linalg.svd(a._a, full_matrices, compute_uv)
    return tuple(map(outer, found)) if compute_uv else outer(found)


def eigvalsh(a):
    return outer(np.linalg.eigvalsh(a._a))


def eigh(a):
    return tuple(map(outer, np.linalg.eigh(a._a)))


def qr(a):
    return tuple(map(outer, np.linalg.qr(a._a)))


def argsort(a, axis=-1, kind=None):
    return ndarray(np.argsort(a._a, axis, kind))


def as_strided(x, shape=None, strides=None):
    return ndarray(np.lib.stride_tricks.as_strided(x._a, shape, strides))


def sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    return ndarray(np.lib.stride_tricks.sliding_window_view(x._a, window_shape, axis))


def each(f):
    """A function of numbers, entry by entry."""
    return ufunc(lambda x: np.vectorize(f, otypes=[np.asarray(x).dtype])(np.asarray(x)))


SPECIAL = {
    "erf": math.erf, "erfc": math.erfc, "erfcx": lambda x: float(mpmath.exp(mpmath.mpf(x) ** 2) * mpmath.erfc(x)),
    "ndtr": lambda x: float(mpmath.ncdf(x)), "log_ndtr": lambda x: float(mpmath.log(mpmath.ncdf(x))),
    "gammaln": lambda x: float(mpmath.loggamma(x).real), "digamma": lambda x: float(mpmath.digamma(x)),
    "erfinv": lambda x: float(mpmath.erfinv(x))}


def namespace(name, **content):
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


class Device:
    """The card; CuPy's gives its attributes by name, too."""

    def __init__(self, device=None):
        self.attributes = {"MaxSharedMemoryPerBlockOptin": SHARED[0], "CooperativeLaunch": TOGETHER[0], "MultiProcessorCount": 3}


CUBLAS = [0]  # is there a cuBLAS? Not unless a test has a stand-in for it
CAPTURED = []  # what is being captured, in a list; empty where nothing is
LAUNCHED = []  # what was launched: kernels by name, what a library told of itself


def capturing():
    """Is a graph being captured?"""
    return bool(CAPTURED)


def run(action, told):
    """Does what was launched, or keeps it for the graph that is captured."""
    if CAPTURED:
        CAPTURED[0].append((action, told))
    else:
        LAUNCHED.append(told)
        action()


class Graph:
    """What was captured."""

    def __init__(self, parts):
        self.parts = parts

    def launch(self, stream=None):
        assert stream is None or stream.ptr
        for action, told in self.parts:
            LAUNCHED.append(told)
            action()


class Stream:
    """A stream; what is launched is done at once."""

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.ptr = 0 if null else 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None

    def begin_capture(self, mode=None):
        assert self.ptr and not CAPTURED, "the default stream cannot be captured"
        CAPTURED.append([])

    def end_capture(self):
        return Graph(CAPTURED.pop())

    def record(self, event=None):
        return object()

    def wait_event(self, event):
        assert event is not None


def get_cublas_handle():
    if not CUBLAS[0]:
        raise OSError("libcublas.so.12: cannot open shared object file")
    return 1


def get_current_stream(device_id=-1):
    return Stream(null=True)


class RawModule:
    """A text of CUDA; its kernels take arrays and NumPy's numbers."""

    def __init__(self, *, code=None, path=None, options=(), backend="nvrtc", translate_cucomplex=False,
                 enable_cooperative_groups=False, name_expressions=None, jitify=False):
        self.code, self.together = code, enable_cooperative_groups

    def get_function(self, name):
        return Kernel(self, name)


class Kernel:
    """A function of such a text."""

    max_dynamic_shared_size_bytes = 48 << 10

    def __init__(self, module, name):
        self.module, self.name = module, name

    def __call__(self, grid, block, args, *, shared_mem=0):
        assert shared_mem <= self.max_dynamic_shared_size_bytes and grid[1:] == block[1:] == ()
        for a in args:
            assert isinstance(a, np.generic) or a._a.flags.c_contiguous, "a kernel reads what lies in one piece"
        arrays = [a if isinstance(a, np.generic) else a._a for a in args]
        run(lambda: emulate.launch(self.module.code, self.name, grid[0], block[0], shared_mem, arrays, ORDER[0]), self.name)


def ascontiguousarray(a, dtype=None):
    return ndarray(np.ascontiguousarray(a._a, dtype))


FUNCTIONS = {f.__name__: f for f in (
    dot, matmul, vdot, einsum, copyto, concatenate, stack, where, sum, prod, max, min, argmax, argmin, zeros, ones, empty, full,
    zeros_like, full_like, arange, eye, diag, indices, moveaxis, partition, nonzero, broadcast_to, array, asarray, asnumpy, ascontiguousarray, argsort)}
LINALG = {f.__name__: f for f in (inv, solve, det, slogdet, cholesky, svd, eigvalsh, eigh, qr)}
TRICKS = {f.__name__: f for f in (as_strided, sliding_window_view)}


def install(modules, available=True):
    """Puts cupy and cupyx into `modules`, a dict such as sys.modules; gives cupy."""
    special = namespace("cupyx.scipy.special", **{name: each(f) for name, f in SPECIAL.items()})
    scipy = namespace("cupyx.scipy", special=special)
    cupy = namespace(
        "cupy", **FUNCTIONS, **{word: ufunc(getattr(np, word)) for word in WORDS}, ndarray=ndarray, ndindex=np.ndindex,
        linalg=namespace("cupy.linalg", **LINALG),
        lib=namespace("cupy.lib", stride_tricks=namespace("cupy.lib.stride_tricks", **TRICKS)),
        cuda=namespace(
            "cupy.cuda", is_available=lambda: available, Device=Device, Stream=Stream, get_current_stream=get_current_stream,
            device=namespace("cupy.cuda.device", get_cublas_handle=get_cublas_handle),
            runtime=namespace("cupy.cuda.runtime", runtimeGetVersion=lambda: 12090)), RawModule=RawModule,
        **{dtype: getattr(np, dtype) for dtype in ("float32", "float64", "int32", "int64", "bool_", "uint8")})
    modules.update({"cupy": cupy, "cupyx": namespace("cupyx", scipy=scipy),
                    "cupyx.scipy": scipy, "cupyx.scipy.special": special})
    return cupy
