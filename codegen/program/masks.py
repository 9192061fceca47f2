"""The masks of dropout: which, depends on a seed and the number of a step alone. Programs have a copy of this text.

So a training that goes on, from a copy, a pickle or a file, goes on with the masks that it would have had.
"""

import numpy as np


def chance(seed, t):
    """The generator of step `t`."""
    return np.random.default_rng((seed, 4, t))


def mask(rng, p, shape, dtype):
    """For every entry zero with the probability `p`, else 1 / (1 - p)."""
    kept = rng.random(shape, np.float32) >= p
    return np.multiply(kept, 1 / (1 - p) if p < 1 else 0, dtype=dtype)
