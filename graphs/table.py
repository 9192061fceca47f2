"""The table of primitives: one row for each, with all that is true of it. Begin here to add one.

A row names an operation (`ops.py`, where it is also put into a group), its constructor, and its rules: how it is built
again on other operands, its pull-back, the entries that a derivative needs, where its sample axis goes, and how it is
computed for many points at once. None has a default. What a later stage makes of an operation stands in that stage's
table, keyed by the same names: `RULES` of `codegen/lowering/lower.py` and of `symgrad/exchange/explicit.py`, `OPERATORS`
of `symgrad/formulas/notation/operators.py`. A test holds that each is complete, or says why an operation is not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from symgrad.graphs import ops
from symgrad.graphs.algebra import axes, entries, linear, recurrence, running, scanning, spectra, stacking
from symgrad.graphs.algebra import primitives as scalar
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.derivative import demand, linear_rules, moves, rules, running_rules, scan_rules, spectral_rules
from symgrad.graphs.derivative.backward import carried_back
from symgrad.graphs.derivative.demand import moved_entries as moved
from symgrad.graphs.node import Node
from symgrad.graphs.primitive import Operands, Primitive


def rebuild(node: Node, operands: Operands) -> Node:
    """`node` with other operands of the same shapes, normalised again."""
    return node if operands == node.operands else PRIMITIVES[node.op].rebuild(node, operands)


def _leaf(node: Node, operands: Operands) -> Node:
    return node


def _product(node: Node, operands: Operands) -> Node:
    inputs, out = node.attrs
    return contract(operands, inputs, out, dict(zip(out, node.shape, strict=True)))


def _reduction(node: Node, operands: Operands) -> Node:
    return scalar.reduction(node.op, operands[0], node.attrs[0])


def _argument(node: Node, operands: Operands) -> Node:
    return scalar.argument(node.op, operands[0], node.attrs[0])


def _strided(node: Node, operands: Operands) -> Node:
    starts, steps = [start for start, _ in node.attrs[0]], [step for _, step in node.attrs[0]]
    return (entries.slices if node.op is ops.SLICE else entries.pad)(operands[0], starts, steps, node.shape)


def _windows(node: Node, operands: Operands) -> Node:
    axis, step = node.attrs
    return running.windows(operands[0], axis, step, node.shape[axis], node.shape[-1])


def _overlap(node: Node, operands: Operands) -> Node:
    axis, step = node.attrs
    return running.overlap(operands[0], axis, step, node.shape[axis])


ROWS = (
    # leaves and marks
    Primitive(ops.INPUT, scalar.input_node, _leaf, rules.flat_rule, demand.everything, axes.no_axis, stacking.stack_leaf),
    Primitive(ops.CONSTANT, scalar.constant, _leaf, rules.flat_rule, demand.everything, axes.no_axis, stacking.stack_leaf),
    Primitive(ops.IOTA, scalar.iota, _leaf, rules.flat_rule, demand.everything, axes.no_axis, stacking.stack_leaf),
    Primitive(ops.NAMED, scalar.named, lambda n, new: scalar.named(new[0], n.attrs[0]),
              rules.same_rule, demand.same_entries, axes.same_axis, stacking.stack_mark),
    Primitive(ops.STOP, scalar.stop, lambda n, new: scalar.stop(*new),
              rules.flat_rule, demand.everything, axes.same_axis, stacking.stack_mark),
    Primitive(ops.TRACKED, scalar.tracked, lambda n, new: scalar.tracked(*new),
              rules.first_rule, demand.first_entries, axes.first_axis, stacking.stack_mark),
    # sums, products, functions
    Primitive(ops.ADD, scalar.add, lambda n, new: scalar.add(new, n.attrs[0]),
              rules.add_rule, demand.same_entries, axes.same_axis, stacking.stack_sum),
    Primitive(ops.EINSUM, contract, _product, rules.product_rule, demand.product_entries, axes.product_axis,
              stacking.stack_product),
    Primitive(ops.VIEW, contract, _product, rules.product_rule, demand.product_entries, axes.product_axis,
              stacking.stack_product),
    Primitive(ops.ELEMENTWISE, scalar.elementwise, lambda n, new: scalar.elementwise(n.attrs[0], new),
              rules.function_rule, demand.same_entries, axes.same_axis, stacking.stack_function),
    Primitive(ops.SOFTMAX, scalar.softmax, lambda n, new: scalar.softmax(new[0], n.attrs[0]),
              rules.softmax_rule, demand.softmax_entries, axes.softmax_axis, stacking.stack_softmax),
    # over axes
    Primitive(ops.MAX, scalar.reduction, _reduction, rules.extremum_rule, demand.reduced_entries, axes.reduced_axis,
              stacking.stack_reduction),
    Primitive(ops.MIN, scalar.reduction, _reduction, rules.extremum_rule, demand.reduced_entries, axes.reduced_axis,
              stacking.stack_reduction),
    Primitive(ops.LOGSUMEXP, scalar.reduction, _reduction,
              rules.logsumexp_rule, demand.reduced_entries, axes.reduced_axis, stacking.stack_reduction),
    Primitive(ops.ARGMAX, scalar.argument, _argument, rules.flat_rule, demand.everything, axes.reduced_axis,
              stacking.stack_argument),
    Primitive(ops.ARGMIN, scalar.argument, _argument, rules.flat_rule, demand.everything, axes.reduced_axis,
              stacking.stack_argument),
    # entries take other places
    Primitive(ops.SLICE, entries.slices, _strided, moves.slice_rule, moved(moves.slice_rule), axes.strided_axis,
              stacking.stack_strided),
    Primitive(ops.PAD, entries.pad, _strided, moves.pad_rule, moved(moves.pad_rule), axes.strided_axis,
              stacking.stack_strided),
    Primitive(ops.CONCAT, entries.concat, lambda n, new: entries.concat(new, n.attrs[0], n.shape[n.attrs[0]]),
              moves.concat_rule, moved(moves.concat_rule), axes.along_axis, stacking.stack_concat),
    Primitive(ops.RESHAPE, entries.reshape, lambda n, new: entries.reshape(new[0], n.shape),
              moves.reshape_rule, moved(moves.reshape_rule), axes.reshaped_axis, stacking.stack_reshape),
    Primitive(ops.GATHER, entries.gather, lambda n, new: entries.gather(new[0], new[1:], n.attrs[0]),
              moves.gather_rule, moved(moves.gather_rule), axes.gathered_axis, stacking.stack_gather),
    Primitive(ops.SCATTER, entries.scatter, lambda n, new: entries.scatter(new[0], new[1:], n.attrs[0], n.shape),
              moves.scatter_rule, moved(moves.scatter_rule), axes.scattered_axis, stacking.stack_scatter),
    # along an axis
    Primitive(ops.MULTIPLY, running.multiply, lambda n, new: running.multiply(new[0], *n.attrs),
              running_rules.multiply_rule, demand.multiplied_entries, axes.multiplied_axis, stacking.stack_multiply),
    Primitive(ops.CUMSUM, running.cumsum, lambda n, new: running.cumsum(new[0], *n.attrs),
              running_rules.cumsum_rule, moved(running_rules.cumsum_rule), axes.along_axis, stacking.stack_cumsum),
    Primitive(ops.WINDOWS, running.windows, _windows,
              running_rules.windows_rule, moved(running_rules.windows_rule), axes.along_axis, stacking.stack_windows),
    Primitive(ops.OVERLAP, running.overlap, _overlap,
              running_rules.overlap_rule, moved(running_rules.overlap_rule), axes.overlap_axis, stacking.stack_overlap),
    # matrices
    Primitive(ops.INVERSE, linear.inverse, lambda n, new: linear.inverse(*new),
              linear_rules.inverse_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_matrix),
    Primitive(ops.SOLVE, linear.solve, lambda n, new: linear.solve(*new),
              linear_rules.solve_rule, demand.solve_entries, axes.solve_axis, stacking.stack_solve),
    Primitive(ops.LOGDET, linear.logdet, lambda n, new: linear.logdet(*new),
              linear_rules.logdet_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_matrix),
    Primitive(ops.COFACTOR, linear.cofactor, lambda n, new: linear.cofactor(new[0], n.attrs[0]),
              linear_rules.cofactor_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_matrix),
    Primitive(ops.CHOLESKY, linear.cholesky, lambda n, new: linear.cholesky(*new),
              linear_rules.cholesky_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_matrix),
    # a graph for one step: its rules walk over that by the rules of this table
    Primitive(ops.SCAN, recurrence.scan, scanning.rebuild_scan,
              lambda n, u, lead: scan_rules.scan_rule(PRIMITIVES, carried_back, n, u, lead), demand.everything,
              lambda n, axis: scanning.scan_axis(PRIMITIVES, n, axis),
              lambda n, new, size: scanning.stack_scan(PRIMITIVES, n, new, size)),
    # factors of matrices, and orders
    Primitive(ops.ARGSORT, spectra.argsort, lambda n, new: spectra.argsort(new[0], *n.attrs),
              rules.flat_rule, demand.everything, axes.along_axis, stacking.stack_sorted),
    Primitive(ops.EIGVALS, spectra.eigenvalues, lambda n, new: spectra.eigenvalues(*new),
              spectral_rules.eigenvalues_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_factor),
    Primitive(ops.EIGVECS, spectra.eigenvectors, lambda n, new: spectra.eigenvectors(new[0], *n.attrs),
              spectral_rules.eigenvectors_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_factor),
    Primitive(ops.SVDVALS, spectra.singular_values, lambda n, new: spectra.singular_values(*new),
              spectral_rules.singular_values_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_factor),
    Primitive(ops.SVD, spectra.singular_vectors, lambda n, new: spectra.singular_vectors(new[0], *n.attrs),
              spectral_rules.singular_vectors_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_factor),
    Primitive(ops.QR, spectra.qr, lambda n, new: spectra.qr(new[0], *n.attrs),
              spectral_rules.qr_rule, demand.matrix_entries, axes.matrix_axis, stacking.stack_factor),
    # made when code is written
    Primitive(ops.DISTANCES, linear.distances, lambda n, new: linear.distances(*new),
              rules.no_rule, demand.everything, axes.distances_axis, stacking.stack_distances),
)
PRIMITIVES: Mapping[ops.Op, Primitive] = MappingProxyType({row.op: row for row in ROWS})
