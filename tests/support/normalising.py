"""Normalisations, embeddings and attention of one sample as their definitions say, entry by entry where that is short."""

import numpy as np


def layer_norm(x, axes, weight=1.0, bias=0.0, eps=1e-5):
    """Along the last `axes` axes."""
    along = tuple(range(x.ndim - axes, x.ndim))
    mu = x.mean(along, keepdims=True)
    return (x - mu) / np.sqrt(((x - mu) ** 2).mean(along, keepdims=True) + eps) * weight + bias


def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    """Of one sample (channels, ...)."""
    y, size = np.empty_like(x), len(x) // groups
    for g in range(groups):
        part = x[g * size:(g + 1) * size]
        y[g * size:(g + 1) * size] = layer_norm(part, part.ndim, eps=eps)
    laid = (-1, *[1] * (x.ndim - 1))
    y = y if weight is None else y * np.reshape(weight, laid)
    return y if bias is None else y + np.reshape(bias, laid)


def batch_norm(x, weight=None, bias=None, eps=1e-5, mean=None, var=None):
    """Of a batch (samples, channels, ...), by its own statistics or by those that are given."""
    axes, laid = (0, *range(2, x.ndim)), (-1, *[1] * (x.ndim - 2))
    mu = x.mean(axes) if mean is None else mean
    var = ((x - x.mean(axes, keepdims=True)) ** 2).mean(axes) if var is None else var
    y = (x - mu.reshape(laid)) / np.sqrt(var.reshape(laid) + eps)
    y = y if weight is None else y * np.reshape(weight, laid)
    return y if bias is None else y + np.reshape(bias, laid)


def attention(q, k, v, seen=None, added=None, causal=False, scale=None):
    """Row by row: a mean of the values that are seen, 0 where there are none."""
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])
    (L, d), S = q.shape[-2:], k.shape[-2]
    q, k, v = (np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in (q, k, v))
    seen = np.broadcast_to(True if seen is None else seen, (*lead, L, S))
    added = np.broadcast_to(0.0 if added is None else added, (*lead, L, S))
    result = np.zeros((*lead, L, v.shape[-1]), np.result_type(q, k, v, added))
    for place in np.ndindex(*lead, L):
        i, front = place[-1], place[:-1]
        keys = [j for j in range(S) if seen[(*place, j)] and added[(*place, j)] > -np.inf and (j <= i or not causal)]
        if keys:
            scores = np.array([q[place] @ k[(*front, j)] * (d**-0.5 if scale is None else scale) + added[(*place, j)]
                               for j in keys])
            weights = np.exp(scores - scores.max())
            result[place] = weights / weights.sum() @ v[front][keys]
    return result
