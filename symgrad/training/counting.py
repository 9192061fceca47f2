"""Whether the batches of a fit are large enough for the statistics that its layers take of them."""

from __future__ import annotations

from symgrad.codegen.program.network import Network
from symgrad.computing.feeding import evaluate_size
from symgrad.graphs.errors import DataError
from symgrad.graphs.phases import too_few
from symgrad.training.dataset import Dataset


def check_counts(net: Network, data: Dataset, size: int | None) -> None:
    """Raises DataError where a minibatch of `size` samples, or the smaller one at the end, has one value a channel."""
    sizes, why = dict(data.sizes), ""
    if net.counts and size is not None and data.divisible and size < data.count:
        least = data.count % size or size
        over = next(node.attrs[0].over for _, node in net.data if node.attrs[0].over is not None)
        sizes[over] = least
        why = f" (the last of the minibatches of {size} has {least} of the {data.count} samples)" if least < size else ""
    for count, name in net.counts.items():
        if evaluate_size(count, sizes) == 1:
            raise DataError(too_few(name) + why)
