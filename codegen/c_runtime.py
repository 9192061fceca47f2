"""Compiles C text once, keeps it in the user's cache folder, and finds a BLAS for it.

This file is written into every generated module that runs C, so it imports NumPy and the standard library only.
The name of a compiled file is a digest of the text, the compiler, its options and the processor; it is written
under another name and renamed, so two processes may compile at once. Matrix products go to the BLAS that NumPy
has loaded already (a second one would bring a second set of threads), else to SciPy's, else to plain loops.
"""

import ctypes
import glob
import hashlib
import importlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading

import numpy as np

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-shared", "-fPIC")
LIBRARIES = (("-DVECTOR_LIBM", "-lmvec", "-lm"), ("-lm",))  # the first that links


NO_COMPILER = "there is no C compiler (cc); install one, such as gcc, or name it by CC="


def compiler():
    """The C compiler; None where there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def compiled(text):
    """The library of C `text`; raises OSError where there is no compiler or it fails."""
    program = compiler()
    if program is None:
        raise OSError(NO_COMPILER)
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    key = "\n".join([text, version, *FLAGS, _processor()])
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "symgrad")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        folder = tempfile.mkdtemp(prefix="symgrad-")
    path = os.path.join(folder, hashlib.blake2b(key.encode(), digest_size=16).hexdigest() + ".so")
    if not os.path.exists(path):
        _compile(program, text, path)
    library = ctypes.CDLL(path)
    library.bind(*_blas("single" if "typedef float real" in text else "double"))
    return library


def _compile(program, text, path):
    with tempfile.TemporaryDirectory() as work:
        source, target = os.path.join(work, "code.c"), os.path.join(work, "code.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        for extra in LIBRARIES:
            done = subprocess.run([program, *FLAGS, source, "-o", target, *extra], capture_output=True, text=True)
            if done.returncode == 0:
                break
        else:
            raise OSError(f"{program} could not compile the generated C: {done.stderr.strip()[:2000]}")
        part = f"{path}.{os.getpid()}.part"
        shutil.copyfile(target, part)
        os.replace(part, path)


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = {line for line in file if line.startswith(("model name", "flags"))}
        return "".join(sorted(found))
    except OSError:
        return platform.machine() + platform.processor()


def _blas(precision):
    """(kind, gemm, gemv, syrk): 1 is CBLAS with 64-bit sizes, 2 is Fortran's with 32-bit ones, 0 is none."""
    letter = "s" if precision == "single" else "d"
    names = ("gemm", "gemv", "syrk")
    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    for path in glob.glob(os.path.join(folder, "libscipy_openblas64_*")):
        library = ctypes.CDLL(path)
        found = [getattr(library, f"scipy_cblas_{letter}{name}64_", None) for name in names]
        if None not in found:
            return (1, *(ctypes.cast(function, ctypes.c_void_p) for function in found))  # type: ignore[arg-type]
    try:
        cython_blas = importlib.import_module("scipy.linalg.cython_blas")
    except ImportError:
        return 0, None, None, None
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    capsules = [cython_blas.__pyx_capi__[letter + name] for name in names]
    return (2, *(ctypes.c_void_p(get(capsule, name_of(capsule))) for capsule in capsules))


_local = threading.local()


def _workspace(count):
    """A pointer to at least `count` bytes that belong to this thread."""
    block = getattr(_local, "block", None)
    if block is None or block.size < count + 64:
        block = _local.block = np.empty(count + 64, np.uint8)
    return (block.ctypes.data + 63) // 64 * 64
