"""Operators that ONNX defines by others: their definitions, where the table has no row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgrad.language.tensor import Tensor
from symgrad.networks.call import KINDS, Call
from symgrad.networks.onnx_files import onnx_package


def body_of(node: Any, domain: str, c: Call, given: Sequence[Any]) -> Any:
    """The definition of an operator as a function of ONNX, in the newest version not after the file's; None without."""
    onnx = onnx_package("from_onnx")
    try:
        schema = onnx.defs.get_schema(node.op_type, c.version, domain)
    except Exception:  # SchemaError: onnx does not know it either
        return None
    try:
        onnx.checker.check_node(node, _context(onnx, domain, c))
    except onnx.checker.ValidationError:  # attributes of other types are not for those who build definitions
        return None
    body = onnx.FunctionProto()
    if schema.has_function:
        versions = [v for v in schema.function_opset_versions if v <= max(c.version, schema.since_version)]
        body.ParseFromString(schema.get_function_with_opset_version(max(versions)) if versions else
                             schema.function_body.SerializeToString())
        return body
    if not schema.has_context_dependent_function:
        return None
    versions = [v for v in schema.context_dependent_function_opset_versions if v <= max(c.version, schema.since_version)]
    types = [_type(onnx, value, kind).SerializeToString() for value, kind in zip(given, c.kinds, strict=False)]
    text = schema.get_context_dependent_function_with_opset_version(
        max(versions or [c.version]), node.SerializeToString(), types)
    body.ParseFromString(text)
    return body if body.node else None


def _context(onnx: Any, domain: str, c: Call) -> Any:
    context = onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = onnx.IR_VERSION, {**c.reader.versions, domain: c.version}
    return context


def _type(onnx: Any, value: Any, kind: str) -> Any:
    """The type of a value, as ONNX writes it."""
    if value is None:
        return onnx.TypeProto()
    if isinstance(value, np.ndarray):
        kind = value.dtype.name
    shape = [size if isinstance(size, int) else None for size in
             (value.node.shape if isinstance(value, Tensor) else np.shape(value))]
    usual = {"real": "float32", "integer": "int64", "boolean": "bool"}
    kind = kind or (usual[value.dtype] if isinstance(value, Tensor) else "int64")
    return onnx.helper.make_tensor_type_proto(KINDS.index(kind), shape)
