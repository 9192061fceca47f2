"""Attention with heads. Its masks are those of PyTorch's layer: True is left out, where `sg.attention`'s takes part."""

from __future__ import annotations

import math
from typing import Any

from symgrad.formulas.names import shape_text
from symgrad.graphs.errors import ShapeError
from symgrad.graphs.node import BOOLEAN, REAL
from symgrad.graphs.sizes import Shape, Size
from symgrad.language.align import as_int, as_tensor, describe
from symgrad.language.attending import attended
from symgrad.language.contraction import arange, full, zeros
from symgrad.language.dropping import probability
from symgrad.language.pointwise import greater_equal, logical_and, logical_not, where
from symgrad.language.rearrange import broadcast_to, concatenate, expand_dims, reshape, swapaxes
from symgrad.language.reduction import mean
from symgrad.language.symbols import owned_parameter
from symgrad.language.tensor import Tensor
from symgrad.nn.linear import Linear
from symgrad.nn.module import Module
from symgrad.nn.weighted import Parametric, as_torch, written


class Projection(Linear):
    """What joins the heads: with init="torch" its bias starts at zero."""

    def starts(self) -> tuple[Any, Any]:
        return super().starts()[0], None


class MultiheadAttention(Parametric):
    """Queries, keys and values are mapped, cut into `num_heads` heads, attended, joined and mapped: (output, weights).

    Parameters in PyTorch's order: W_in (3 embed_dim, embed_dim) and b_in map queries, keys and values; W_out and b_out
    what the heads give. Tensors are (length, embed_dim), one sample, or (length, batch, embed_dim), with `batch_first`
    (batch, length, embed_dim). Masks: `attn_mask` (queries, keys), or (batch num_heads, queries, keys), for one sample
    (num_heads, queries, keys); `key_padding_mask` (keys,) or (batch, keys). A boolean one is True where a key is left out,
    which is the other way round than in `sg.attention`, as in PyTorch; a real one is added. Weights are means over the
    heads, unless `average_attn_weights=False`. In training each of them is dropped with the probability `dropout`.

    Keys of `kdim` and values of `vdim` features have weights of their own then: W_q (embed_dim, embed_dim), W_k (embed_dim,
    kdim) and W_v (embed_dim, vdim) in the place of W_in. `add_bias_kv` puts one more key and value behind the given ones,
    the parameters k and v, and `add_zero_attn` one of zeros: no mask leaves them out, and the weights have them as last
    columns. Raises ShapeError for what does not fit. Source: Vaswani et al. 2017.

    >>> layer = sg.nn.MultiheadAttention(8, 2)
    >>> x = sg.data("x", (5, 8), over=sg.dim("T"))
    >>> output, weights = layer(x, x, x)
    >>> output.shape, weights.shape, [p.name for p in layer.parameters()]
    ((5, 8), (5, 5), ['W_in', 'b_in', 'W_out', 'b_out'])
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
                 add_zero_attn: bool = False, kdim: Any = None, vdim: Any = None, batch_first: bool = False, *,
                 name: str = "", init: Any = None) -> None:
        self.embed_dim, self.num_heads, self.has_bias, self.batch_first = embed_dim, num_heads, bias, batch_first
        self.features = (embed_dim, embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim)
        self.add_bias_kv, self.add_zero_attn = add_bias_kv, add_zero_attn
        self.dropout = probability(type(self).__name__, dropout, "dropout")
        if as_int(num_heads, repr(self), "num_heads") < 1 or as_int(embed_dim, repr(self), "embed_dim") % num_heads:
            raise ShapeError(f"{self!r}: embed_dim {embed_dim} does not divide into {num_heads} heads")
        for what, size in zip(("kdim", "vdim"), self.features[1:], strict=True):
            if as_int(size, repr(self), what) < 1:
                raise ShapeError(f"{self!r}: {what} must be at least 1, not {size}")
        self.within = ""  # the layer that this is a part of, and its name there
        super().__init__((3 * embed_dim, embed_dim), 3 * embed_dim, bias, f"_in{name}", init)
        self.out_proj = Projection(embed_dim, embed_dim, bias, name=f"_out{name}", init=init)

    def __repr__(self) -> str:
        return written("MultiheadAttention", (self.embed_dim, self.num_heads), {
            "dropout": (self.dropout, 0.0), "bias": (self.has_bias, True), "add_bias_kv": (self.add_bias_kv, False),
            "add_zero_attn": (self.add_zero_attn, False), "kdim": (self.features[1], self.embed_dim),
            "vdim": (self.features[2], self.embed_dim), "batch_first": (self.batch_first, False)})

    def rename(self, suffix: str) -> None:
        super().rename(suffix)
        owner, end, E = self._W.node.attrs[0].owner, suffix.removeprefix("_in"), self.embed_dim

        def own(name: str, shape: Shape, init: Any) -> Tensor:
            return owned_parameter(f"{name}{end}", shape, init, owner, layer=repr(self))

        self._apart = [own(f"W_{letter}", (E, size), self.starts()[0])
                       for letter, size in zip("qkv", self.features, strict=True)] if set(self.features) != {E} else []
        last = "glorot_normal" if self.init is None or as_torch(self.init) else self.init
        self._added = [own(letter, (1, 1, E), last) for letter in "kv"] if self.add_bias_kv else []

    def own(self) -> list[Tensor]:
        self._use()
        both = [t for t in (self._W, self._b) if t is not None]
        return [*(self._apart or both[:1]), *both[1:], *self._added]

    def starts(self) -> tuple[Any, Any]:
        return ("glorot_uniform" if as_torch(self.init) else self.init), None

    def children(self) -> list[Module]:
        return [self.out_proj]

    def named_own(self) -> list[tuple[str, Tensor]]:
        weights = [f"{letter}_proj_weight" for letter in "qkv"] if self._apart else ["in_proj_weight"]
        names = [*weights, *(["in_proj_bias"] if self.has_bias else []), *(["bias_k", "bias_v"] if self._added else [])]
        return list(zip(names, self.own(), strict=True))

    def __call__(self, query: Any, key: Any = None, value: Any = None, key_padding_mask: Any = None,
                 need_weights: bool = True, attn_mask: Any = None, average_attn_weights: bool = True,
                 is_causal: bool = False) -> Any:
        name = self.within or repr(self)
        if key is None or value is None:
            raise TypeError(f"{name} takes queries, keys and values; give one tensor three times for self-attention")
        given = [as_tensor(t, name) for t in (query, key, value)]
        for t, features in zip(given, self.features, strict=True):
            if t.ndim not in (2, 3) or t.shape[-1] != features or t.ndim != given[0].ndim:
                raise ShapeError(f"{name}: {describe(t)} must be (length, {features}), or "
                                 f"{'(batch, length' if self.batch_first else '(length, batch'}, {features}), all "
                                 "three alike")
        turned = given[0].ndim == 3 and not self.batch_first
        self._alike(name, given)
        Q, K, V = (self._heads(swapaxes(t, 0, 1) if turned else t, place) for place, t in enumerate(given))
        keys = given[1].shape[-2 if given[1].ndim == 2 or self.batch_first else 0]
        mask = self._mask(name, (*Q.shape[:-1], keys), attn_mask, key_padding_mask)
        more = self.add_bias_kv + self.add_zero_attn
        if more and (mask is not None or is_causal is True):
            mask, is_causal = _widened(mask, Q.shape[-2], keys, is_causal, more), False
        taken, weights = attended(name, Q, K, V, mask, is_causal, None, self.dropout)
        joined = swapaxes(taken, -2, -3)
        output = self.out_proj(reshape(joined, (*joined.shape[:-2], self.embed_dim)))
        output = swapaxes(output, 0, 1) if turned else output
        if not need_weights:
            return output, None
        return output, mean(weights, axis=-3) if average_attn_weights else weights

    def _alike(self, name: str, given: list[Tensor]) -> None:
        """Raises ShapeError where there are more keys than values, or batches of several sizes."""
        length = -2 if given[0].ndim == 2 or self.batch_first else 0
        _, key, value = given
        if key.shape[length] != value.shape[length]:
            raise ShapeError(f"{name}: the key {describe(key)} has {key.shape[length]} entries, the value "
                             f"{describe(value)} has {value.shape[length]}; every key belongs to one value")
        many = [t.shape[0 if self.batch_first else 1] for t in given if t.ndim == 3]
        if any(size != many[0] for size in many):
            told = ", ".join(map(describe, given))
            raise ShapeError(f"{name}: queries, keys and values are batches of {', '.join(map(str, many))}, and must be of "
                             f"one size: {told}")

    def _heads(self, t: Tensor, place: int) -> Tensor:
        """(..., length, embed_dim) mapped and cut: (..., heads, length, embed_dim / heads)."""
        W, b = self.held_both()
        part = slice(place * self.embed_dim, (place + 1) * self.embed_dim)
        mapped = t @ (self.held(self._apart[place]) if self._apart else W[part]).T
        mapped = mapped if b is None else mapped + b[part]
        if place and self._added:
            one = reshape(self.held(self._added[place - 1]), (1, self.embed_dim))
            mapped = concatenate([mapped, broadcast_to(one, (*t.shape[:-2], 1, self.embed_dim))], -2)
        shape = (*mapped.shape[:-1], self.num_heads, self.embed_dim // self.num_heads)
        cut = swapaxes(reshape(mapped, shape), -2, -3)
        nothing = zeros((*cut.shape[:-2], 1, cut.shape[-1]))
        return concatenate([cut, nothing], -2) if place and self.add_zero_attn else cut

    def _mask(self, name: str, scores: Shape, attn_mask: Any, key_padding_mask: Any) -> Tensor | None:
        """Both masks as one of `sg.attention`, to be laid along the shape of `scores`."""
        *lead, _, queries, keys = scores
        each = (*[n * self.num_heads for n in lead], queries, keys) if lead else scores
        found = []
        if attn_mask is not None:
            t = as_tensor(attn_mask, name)
            if t.shape == (queries, keys):
                found.append(t)
            elif t.shape == each:
                found.append(reshape(t, scores))
            else:
                raise ShapeError(f"{name}: attn_mask {describe(t)} must have the shape "
                                 f"{shape_text((queries, keys))}, or {shape_text(each)}")
        if key_padding_mask is not None:
            t = as_tensor(key_padding_mask, name)
            if t.shape != (*lead, keys):
                raise ShapeError(f"{name}: key_padding_mask {describe(t)} must have the shape "
                                 f"{shape_text((*lead, keys))}")
            found.append(expand_dims(expand_dims(t, -2), -2))
        for t in found:
            if t.dtype not in (BOOLEAN, REAL):
                raise ShapeError(f"{name}: the mask {describe(t)} is {t.dtype}; it must be boolean (True is left out) or "
                                 "real (added to the scores)")
        if not found:
            return None
        if all(t.dtype == BOOLEAN for t in found):
            seen = [logical_not(t) for t in found]
            return seen[0] if len(seen) == 1 else logical_and(*seen)
        added = [where(t, -math.inf, 0.0) if t.dtype == BOOLEAN else t for t in found]
        return added[0] if len(added) == 1 else added[0] + added[1]


def _widened(mask: Tensor | None, queries: Size, keys: Size, is_causal: bool, more: int) -> Tensor:
    """The mask of `sg.attention` for so many keys more, which every query sees."""
    seen = greater_equal(expand_dims(arange(queries), -1), arange(keys)) if is_causal else None
    if mask is None or mask.dtype == BOOLEAN:
        both = [t for t in (mask, seen) if t is not None]
        whole = both[0] if len(both) == 1 else logical_and(*both)
        return concatenate([whole, full((*whole.shape[:-1], more), True)], -1)
    whole = mask if seen is None else where(seen, mask, -math.inf)
    return concatenate([whole, zeros((*whole.shape[:-1], more))], -1)
