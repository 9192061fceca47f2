"""Small ONNX files, made by hand for tests."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KINDS = {"f": TensorProto.FLOAT, "i": TensorProto.INT64, "b": TensorProto.BOOL, "d": TensorProto.DOUBLE}


def info(name, shape, kind="f"):
    return helper.make_tensor_value_info(name, KINDS[kind], shape)


def model(nodes, inputs, outputs, values=None, opset=21, **more):
    """A model of nodes (op, inputs, outputs, attributes); `values` are its initializers."""
    made = [helper.make_node(op, reads.split(), gives.split(), name=f"n{i}", **attributes)
            for i, (op, reads, gives, attributes) in enumerate(nodes)]
    given = [numpy_helper.from_array(np.asarray(value), name) for name, value in (values or {}).items()]
    graph = helper.make_graph(made, "net", [info(*entry) for entry in inputs], [info(*entry) for entry in outputs], given)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10, **more)


def mlp(seed=0):
    """Two affine layers as PyTorch writes them, with an open batch axis."""
    rng = np.random.default_rng(seed)
    values = {"fc1.weight": rng.standard_normal((5, 4)), "fc1.bias": rng.standard_normal(5),
              "fc2.weight": rng.standard_normal((3, 5)), "fc2.bias": rng.standard_normal(3)}
    nodes = [("Gemm", "x fc1.weight fc1.bias", "a", {"transB": 1}), ("Tanh", "a", "h", {}),
             ("Gemm", "h fc2.weight fc2.bias", "logits", {"transB": 1})]
    return model(nodes, [("x", ["N", 4])], [("logits", ["N", 3])],
                 {name: value.astype(np.float32) for name, value in values.items()})


def saved(made, path):
    onnx.save(made, path)
    return path
