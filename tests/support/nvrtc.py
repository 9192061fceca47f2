"""NVRTC from its wheel, through ctypes and without a GPU: a text of CUDA to machine code, with ptxas' report."""

import ctypes
import importlib.util
import re
from pathlib import Path

import pytest


def library():
    """NVRTC; the test is skipped where its wheel is not installed."""
    found = importlib.util.find_spec("nvidia")
    for place in found.submodule_search_locations if found else ():
        for path in sorted(Path(place).glob("cuda_nvrtc/lib/libnvrtc.so.*")):
            if "builtins" not in path.name:
                return ctypes.CDLL(str(path))
    pytest.skip("needs NVRTC: pip install nvidia-cuda-nvrtc-cu12")


def compiled(text, arch="sm_90"):
    """(bytes of machine code, registers, bytes of spills, warnings but of what is not called); raises for what does not compile."""
    lib, program, length = library(), ctypes.c_void_p(), ctypes.c_size_t()
    lib.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
    options = [f"-arch={arch}".encode(), b"--std=c++17", b"--ptxas-options=-v"]
    failed = lib.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    lib.nvrtcGetProgramLogSize(program, ctypes.byref(length))
    log = ctypes.create_string_buffer(length.value)
    lib.nvrtcGetProgramLog(program, log)
    told = log.value.decode()
    if failed:
        raise AssertionError(told[:2000])
    lib.nvrtcGetCUBINSize(program, ctypes.byref(length))
    lib.nvrtcDestroyProgram(ctypes.byref(program))
    registers = max(map(int, re.findall(r"Used (\d+) registers", told)))
    spills = sum(map(int, re.findall(r"(\d+) bytes spill", told))) + sum(map(int, re.findall(r"(\d+) bytes stack", told)))
    return length.value, registers, spills, [line for line in told.split("\n") if "warning #" in line and "#177-D" not in line]
