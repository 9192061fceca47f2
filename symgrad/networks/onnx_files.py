"""ONNX files read with care: bytes that nobody has checked, and data beside the file that must not leave its folder."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.files import reason
from symgrad.graphs.errors import BackendError, DataError
from symgrad.networks.call import decimal, kind_of

READABLE = frozenset({"float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "uint16",
                      "uint32", "uint64", "bool"})


def onnx_package(name: str) -> Any:
    """The package `onnx`. Raises BackendError, which says how to install it."""
    try:
        import onnx
        import onnx.external_data_helper
        import onnx.numpy_helper
        import onnx.reference
    except ImportError as error:
        raise BackendError(f"{name}: the package onnx is not installed; pip install 'symgrad[onnx]'") from error
    return onnx


def load_model(path: Any) -> tuple[Any, Path | None, str]:
    """The model of a file, the folder of its external data, and its name in messages. Raises DataError."""
    shown = repr(os.fspath(path)) if isinstance(path, (str, os.PathLike)) else "the model"
    content, folder = path, None
    if isinstance(path, (str, os.PathLike)):
        try:
            content, folder = Path(path).read_bytes(), Path(path).resolve().parent
        except (OSError, ValueError) as error:
            raise DataError(f"cannot read {shown}: {reason(error)}") from None
    onnx = onnx_package("from_onnx")
    if isinstance(path, onnx.ModelProto):
        return path, None, path.graph.name or "the model"
    if not isinstance(content, bytes):
        raise DataError(f"from_onnx: give the path of an ONNX file, not {type(path).__name__}")
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf's own classes of errors differ from version to version
        raise DataError(f"cannot read {shown}: it is no ONNX model, or it is cut off ({error})") from None
    if not _texts(model):
        raise DataError(f"cannot read {shown}: it is damaged: a name in it is no text")
    if not model.opset_import or not model.HasField("graph") or not model.graph.output:
        raise DataError(f"cannot read {shown}: it is no ONNX model: it has no graph with outputs and versions of operators")
    return model, folder, shown


def _texts(message: Any) -> bool:
    """Are all texts of a message texts? Protobuf hands out bytes where they are not."""
    stack = [message]
    while stack:
        for field, value in stack.pop().ListFields():
            several = [value] if field.type in (field.TYPE_STRING, field.TYPE_MESSAGE) and (
                isinstance(value, (str, bytes)) or hasattr(value, "ListFields")) else value
            if field.type == field.TYPE_MESSAGE:
                stack += several
            elif field.type == field.TYPE_STRING and not all(isinstance(text, str) for text in several):
                return False
    return True


def array_of(tensor: Any, folder: Path | None, what: str) -> np.ndarray:
    """The array of a tensor in a file. Raises DataError for what is damaged, or not in the folder of the file."""
    onnx = onnx_package("from_onnx")
    kind = kind_of(tensor.data_type)
    if kind not in READABLE:
        raise DataError(f"{what} holds {kind}; real numbers, integers and truth values are read")
    dims = list(tensor.dims)
    if any(size < 0 for size in dims):
        raise DataError(f"{what} has the shape {tuple(dims)}")
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raw = _outside(tensor, folder, what)
        tensor = onnx.TensorProto(dims=dims, data_type=tensor.data_type, raw_data=raw)
    try:
        array = onnx.numpy_helper.to_array(tensor)
    except Exception as error:  # lengths that do not fit raise whatever NumPy and onnx think of
        raise DataError(f"{what} is damaged: {' '.join(str(error).split())}") from None
    if array.shape != tuple(dims):
        raise DataError(f"{what} is damaged: {array.size} numbers for the shape {tuple(dims)}")
    return array.astype(np.float32) if kind in ("float16", "bfloat16") else np.array(array)


def _outside(tensor: Any, folder: Path | None, what: str) -> bytes:
    """Bytes of a file beside the model's: below its folder, links followed, and not beyond that file's end."""
    told = {entry.key: entry.value for entry in tensor.external_data}
    place = told.get("location", "")
    if folder is None:
        raise DataError(f"{what} lies in the file {place!r}, and a model that is no file has no folder")
    target = Path(os.path.realpath(folder / place)) if "\0" not in place else folder
    if not place or os.path.isabs(place) or folder not in target.parents or not target.is_file():
        raise DataError(f"{what} lies in {place!r}, which is no file within the folder of the model")
    onnx = onnx_package("from_onnx")
    try:
        itemsize = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        offset, length = int(told.get("offset", 0)), int(told.get("length", prod(tensor.dims) * itemsize))
        if offset < 0 or length < 0 or offset + length > target.stat().st_size:
            raise DataError(f"{what} is damaged: it has {length} bytes from byte {offset} of {place!r} on, which has "
                            f"{target.stat().st_size}")
        with target.open("rb") as file:
            file.seek(offset)
            return file.read(length)
    except (OSError, ValueError) as error:
        raise DataError(f"{what} cannot be read from {place!r}: {reason(error)}") from None


def attribute_of(attribute: Any, folder: Path | None, what: str) -> Any:
    """The value of an attribute: numbers, lists, texts, arrays; graphs as they are."""
    onnx = onnx_package("from_onnx")
    kinds = onnx.AttributeProto
    if attribute.type == kinds.TENSOR:
        return array_of(attribute.t, folder, f"{what}, attribute {attribute.name}")
    if attribute.type in (kinds.SPARSE_TENSOR, kinds.SPARSE_TENSORS, kinds.TENSORS, kinds.TYPE_PROTO, kinds.TYPE_PROTOS):
        return None
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if attribute.type == kinds.FLOAT:
        return decimal(value)
    if attribute.type in (kinds.INTS, kinds.FLOATS):
        return list(value) if attribute.type == kinds.INTS else [decimal(number) for number in value]
    if attribute.type == kinds.STRINGS:
        return [text.decode("utf-8", "replace") for text in value]
    return value
