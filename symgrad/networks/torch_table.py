"""The table of PyTorch's operators, by their names without overloads."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from symgrad.language import activating as act
from symgrad.language import arranging, composed, factoring, picking, pooling
from symgrad.language import contraction as co
from symgrad.language import linear_algebra as la
from symgrad.language import pointwise as ew
from symgrad.language import rearrange as re
from symgrad.language import reduction as red
from symgrad.networks import torch_layers as y
from symgrad.networks import torch_moving as m
from symgrad.networks import torch_picking as p
from symgrad.networks import torch_rules as r
from symgrad.networks.entrywise import remainder
from symgrad.nn.recurrent import GRU, LSTM, RNN

SAME = """alias clone contiguous detach detach_ lift_fresh_copy lift_fresh _to_cpu conj resolve_conj resolve_neg
positive view_as_real_copy""".split()
RULES: Mapping[str, r.TorchRule] = MappingProxyType({
    **r.UNARY, **r.BINARY, **dict.fromkeys(SAME, r._same),
    # arithmetic
    "add": r._add, "sub": r._sub, "rsub": r._rsub, "div": r._div, "pow": r._pow, "addmm": r._addmm, "baddbmm": r._baddbmm,
    "mm": lambda self, mat2: self @ mat2, "bmm": lambda self, mat2: self @ mat2, "mv": lambda self, vec: self @ vec,
    "dot": lambda self, tensor: self @ tensor, "outer": lambda self, vec2: co.outer(self, vec2), "linear": r._linear,
    "bilinear": r._bilinear, "einsum": lambda equation, tensors, **more: co.einsum(equation.replace(" ", ""), *tensors),
    "addcmul": lambda self, tensor1, tensor2, value=1: self + value * tensor1 * tensor2,
    "addcdiv": lambda self, tensor1, tensor2, value=1: self + value * tensor1 / tensor2,
    "lerp": lambda self, end, weight: self + weight * (end - self), "clamp": r._clamp, "clamp_min": r._clamp,
    "clamp_max": r._clamp, "where": r._where, "masked_fill": r._masked_fill, "bitwise_and": r._bits(ew.logical_and),
    "bitwise_or": r._bits(ew.logical_or), "bitwise_xor": r._bits(ew.not_equal), "logical_xor": r._bits(ew.not_equal),
    "tril": lambda self, diagonal=0: composed.tril(self, diagonal),
    "triu": lambda self, diagonal=0: composed.triu(self, diagonal),
    # functions
    "round": lambda self, decimals=0: r.further.round(self, decimals),
    "softplus": r._softplus, "elu": r._elu, "gelu": r._gelu, "threshold": r._threshold, "prelu": r._prelu,
    "celu": lambda self, alpha=1.0: act.celu(self, alpha),
    "leaky_relu": lambda self, negative_slope=0.01: ew.leaky_relu(self, negative_slope),
    "hardtanh": lambda self, min_val=-1, max_val=1: act.hardtanh(self, min_val, max_val),
    "softshrink": lambda self, lambd=0.5: act.softshrink(self, lambd),
    "hardshrink": lambda self, lambd=0.5: act.hardshrink(self, lambd), "glu": lambda self, dim=-1: act.glu(self, dim),
    "softmax": r._softmax(red.softmax), "_softmax": r._softmax(red.softmax), "log_softmax": r._softmax(red.log_softmax),
    "_log_softmax": r._softmax(red.log_softmax), "to": r._cast, "_to_copy": r._cast, "type_as": r._cast,
    # along axes
    "sum": r._fold(red.sum), "mean": r._fold(red.mean), "prod": r._fold(la.prod), "logsumexp": r._fold(red.logsumexp),
    "max": r._extreme(red.max, red.argmax), "min": r._extreme(red.min, red.argmin), "amax": r._greatest(red.max),
    "amin": r._greatest(red.min), "argmax": r._argument(red.argmax), "argmin": r._argument(red.argmin),
    "var": r._var(False), "std": r._var(True), "linalg_vector_norm": r._vector_norm, "norm": r._vector_norm,
    "cumsum": lambda self, dim, **more: la.cumsum(self, dim),
    # shapes
    "view": r._view, "reshape": r._view, "_unsafe_view": r._view, "flatten": r._flatten, "unflatten": r._unflatten,
    "permute": lambda self, dims: re.transpose(self, dims), "transpose": r._transpose, "squeeze": r._squeeze,
    "unsqueeze": lambda self, dim: re.expand_dims(self, dim), "expand": r._expand,
    "expand_as": lambda self, other: re.broadcast_to(self, other.shape), "view_as": lambda self, other: re.reshape(
        self, other.shape), "repeat": lambda self, repeats: r.arrays.tile(self, repeats),
    "cat": lambda tensors, dim=0: re.concatenate([t for t in tensors if t.shape != (0,)], dim),
    "stack": lambda tensors, dim=0: re.stack(tensors, dim), "split": r._split, "split_with_sizes": r._split,
    "chunk": r._chunk, "unbind": r._unbind, "select": r._select, "slice": r._slice, "narrow": r._narrow,
    "index": r._index, "index_select": r._index_select, "gather": r._gather, "embedding": r._embedding,
    "flip": lambda self, dims: composed.flip(self, tuple(dims)),
    "roll": m.rolled, "pad": m.padded, "constant_pad_nd": m.padded, "copy": m.put, "fill": m.put_value,
    "select_scatter": m.put_entry, "slice_scatter": m.put_slice, "swapaxes": lambda self, axis0, axis1: r._transpose(
        self, axis0, axis1), "movedim": lambda self, source, destination: r.arrays.moveaxis(self, source, destination),
    "pixel_shuffle": lambda self, upscale_factor: arranging.pixel_shuffle(
        self, upscale_factor), "pixel_unshuffle": lambda self, downscale_factor: arranging.pixel_unshuffle(
        self, downscale_factor), "zeros": r._filled(0), "ones": r._filled(1), "zeros_like": r._filled_like(0),
    "ones_like": r._filled_like(1), "empty_permuted": r._filled(0), "empty": r._filled(0),
    "full": r._full, "full_like": lambda self, fill_value, **more: co.full(
        self.shape, fill_value), "new_zeros": r._sizes_like, "arange": r._arange,
    "eye": lambda n, m=None, **more: co.eye(n, m), "scalar_tensor": lambda s, **more: s,
    "diagonal": lambda self, offset=0, dim1=0, dim2=1: co.diagonal(self, offset, dim1, dim2),
    # order, places
    "topk": p.top, "sort": p.ordered, "kthvalue": p.kth, "median": p.middle, "one_hot": p.one_hot,
    "scatter": p.scattered, "scatter_add": p.added, "scatter_reduce": p.scattered, "index_put": p.put_at,
    "_unsafe_index": r._index, "embedding_bag": p.bags, "grid_sampler": p.grid_sampled, "col2im": p.folded,
    "unfold": p.frames, "cummax": p.greatest_so_far, "logcumsumexp": p.log_sums,
    "remainder": lambda self, other: remainder(self, other, ew.floor),
    "fmod": lambda self, other: remainder(self, other, r.further.trunc),
    "cumprod": lambda self, dim, **more: picking.cumprod(self, dim),
    "tensordot": lambda self, other, dims_self, dims_other: co.tensordot(self, other, (dims_self, dims_other)),
    "take_along_dim": lambda self, indices, dim=None: picking.take_along_axis(self, indices, dim),
    "broadcast_to": lambda self, size: r._expand(self, size), "hypot": lambda self, other: ew.sqrt(self**2 + other**2),
    # matrices
    "linalg_solve": p.solved, "linalg_cholesky": p.root, "cholesky": p.root, "logdet": lambda self: la.logdet(self),
    "linalg_slogdet": lambda A: [ew.sign(la.det(A)), ew.log(ew.abs(la.det(A)))],
    "linalg_eigh": lambda self, **more: list(factoring.eigh(self)),
    "linalg_eigvalsh": lambda self, **more: factoring.eigvalsh(self),
    "linalg_svdvals": lambda A, **more: factoring.svdvals(A), "linalg_pinv": p.pseudo, "linalg_cross": p.cross,
    "linalg_solve_triangular": p.solved_triangle, "_cdist_forward": p.distances, "cdist": p.distances,
    # layers
    "conv1d": y._conv(1), "conv2d": y._conv(2), "conv3d": y._conv(3), "conv_transpose1d": y._transposed(1),
    "conv_transpose2d": y._transposed(2), "conv_transpose3d": y._transposed(3),
    "max_pool1d": y._pooled(pooling.max_pool1d), "max_pool2d": y._pooled(pooling.max_pool2d),
    "max_pool3d": y._pooled(pooling.max_pool3d), "avg_pool1d": y._pooled(pooling.avg_pool1d),
    "avg_pool2d": y._pooled(pooling.avg_pool2d), "avg_pool3d": y._pooled(pooling.avg_pool3d),
    "adaptive_avg_pool1d": lambda self, output_size: pooling.adaptive_avg_pool1d(self, output_size[0]),
    "adaptive_avg_pool2d": lambda self, output_size: pooling.adaptive_avg_pool2d(self, tuple(output_size)),
    "layer_norm": y._layer_norm, "group_norm": y._group_norm, "batch_norm": y._batch_norm,
    "instance_norm": y._instance_norm, "rms_norm": y._rms_norm, "dropout": r._kept, "feature_dropout": r._kept,
    "alpha_dropout": r._kept, "scaled_dot_product_attention": y._attention, "lstm": y._recurrent(LSTM),
    "lstm_cell": y._lstm_cell, "gru_cell": y._gru_cell, "rnn_tanh_cell": y._rnn_cell(ew.tanh),
    "rnn_relu_cell": y._rnn_cell(ew.relu), "_native_batch_norm_legit_no_training": y._fixed_batch_norm,
    "gru": y._recurrent(GRU), "rnn_tanh": y._recurrent(RNN), "rnn_relu": y._recurrent(y._relu_rnn),
    "upsample_nearest1d": y._upsampled("nearest"), "upsample_nearest2d": y._upsampled("nearest"),
    "upsample_bilinear2d": y._upsampled("bilinear"), "upsample_linear1d": y._upsampled("linear"),
    "cosine_similarity": lambda x1, x2, dim=1, eps=1e-8: arranging.cosine_similarity(x1, x2, dim, eps),
    "cross_entropy_loss": y._cross_entropy, "mse_loss": y._mse,
})


def rule_name(target: Any) -> str:
    """The name under which the table has an operator: without its overload, of one that writes in place its plain one's."""
    schema = getattr(target, "_schema", None)
    name = str(schema.name).rpartition("::")[2] if schema is not None else getattr(target, "__name__", "?")
    return name if name in RULES else name.removesuffix("_")
