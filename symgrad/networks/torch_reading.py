"""From PyTorch: a module as `torch.export` sees it, read operator by operator, layers kept whole.

An exported program names every operator with its arguments and the module that it came from. The parts of one layer (a
linear map, an attention of several heads) are one step.
"""

from __future__ import annotations

import inspect
import operator
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy as sp

from symgrad.graphs.errors import BackendError, SymgradError
from symgrad.language.align import constant
from symgrad.language.symbols import data, dim, parameter
from symgrad.language.tensor import Tensor
from symgrad.networks.network import ReadNetwork, ReadStep
from symgrad.networks.torch_composites import CALLS, taken_apart
from symgrad.networks.torch_table import RULES, rule_name

PLAIN = MappingProxyType({function.__name__: function for function in (
    operator.mul, operator.add, operator.sub, operator.floordiv, operator.truediv, operator.neg, operator.pow)})
OF_PRIMS = MappingProxyType({"inp": "self", "a": "self", "b": "other", "dims": "dim"})  # what its definitions end in
WHOLE = ("MultiheadAttention",)  # layers of torch.nn with layers in them that are one step all the same
GIVEN_NODES = ("placeholder",)  # how torch.fx calls them


def from_torch(module: Any, *example_inputs: Any) -> ReadNetwork:
    """The network of a PyTorch module, as it is at inference: tensors by the module's names, its numbers as values.

    `example_inputs` are tensors for its `forward`; through `torch.export` they show which operators it calls. The first
    axis of the inputs stays open where the module allows it (`N`), all others have the sizes of the examples. Inputs are
    called as the arguments of `forward`, outputs as their keys, or "output". Buffers (running statistics) are constants.

    Raises SymgradError that names operator and module for what cannot be read, or for a module that cannot be exported;
    BackendError without `torch`.

    >>> sg.from_torch(3)
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: from_torch: give a torch.nn.Module, not int
    """
    if not any(each.__module__.startswith("torch.nn") for each in type(module).__mro__):
        raise SymgradError(f"from_torch: give a torch.nn.Module, not {type(module).__name__}")
    program = _exported(module, example_inputs)
    return _Reading(module, program).network()


def _exported(module: Any, inputs: tuple[Any, ...]) -> Any:
    """The program of a module at inference; with an open first axis where that is possible."""
    try:
        import torch
    except ImportError as error:
        raise BackendError("from_torch: the package torch is not installed; pip install 'symgrad[torch]'") from error
    was_training = {each: each.training for each in module.modules()}
    fast = torch.backends.mha.get_fastpath_enabled()
    opened = _as_called(module, tuple({0: torch.export.Dim.AUTO} if isinstance(t, torch.Tensor) and t.ndim and
                                      t.shape[0] > 1 else None for t in inputs))
    problem: Exception | None = None
    try:
        module.eval()
        torch.backends.mha.set_fastpath_enabled(False)
        for shapes in (opened, None):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    return taken_apart(torch.export.export(module, inputs, dynamic_shapes=shapes))
            except Exception as error:  # torch.export raises whatever it meets; the second try is the plain one
                problem = error
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        for each, mode in was_training.items():
            each.training = mode
    first = " ".join(str(problem).strip().splitlines()[:1])
    raise SymgradError(f"from_torch: torch.export cannot export {type(module).__name__}: {type(problem).__name__}: {first}")


def _as_called(module: Any, each: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is said of each input, as `forward` takes them: what it takes as `*inputs` is one tuple."""
    kinds = [p.kind for p in inspect.signature(module.forward).parameters.values()]
    if inspect.Parameter.VAR_POSITIONAL not in kinds:
        return each
    place = kinds.index(inspect.Parameter.VAR_POSITIONAL)
    return (*each[:place], each[place:]) if len(each) > place else each


class _Reading:
    """An exported program being read."""

    def __init__(self, module: Any, program: Any) -> None:
        self.module, self.program = module, program
        self.sizes: dict[sp.Symbol, sp.Symbol] = {}
        self.values: dict[Any, Any] = {}
        self.inputs: dict[str, Tensor] = {}
        self.parameters: dict[str, Tensor] = {}
        self.numbers: dict[str, np.ndarray] = {}

    def network(self) -> ReadNetwork:
        nodes = list(self.program.graph.nodes)
        signature = self.program.graph_signature
        for node in nodes:
            if node.op in GIVEN_NODES:
                self.values[node] = self._placeholder(node, signature)
        steps = []
        for group in _groups([node for node in nodes if node.op in CALLS], self.module):
            steps += self._step(group)
        return ReadNetwork(self.inputs, self._outputs(nodes[-1]), self.parameters, self.numbers, (), tuple(steps))

    def _placeholder(self, node: Any, signature: Any) -> Any:
        state = {**self.program.state_dict, **self.program.constants}
        if node.name in signature.inputs_to_parameters:
            name = self.own_name(signature.inputs_to_parameters[node.name])
            if name not in self.parameters:
                array = state[name].detach().cpu().numpy()
                self.parameters[name], self.numbers[name] = parameter(name, array.shape), np.array(array)
            return self.parameters[name]
        fixed = signature.inputs_to_buffers.get(node.name) or signature.inputs_to_lifted_tensor_constants.get(node.name)
        if fixed is not None:
            value = state[fixed].detach().cpu().numpy()
            return constant(value, fixed) if value.ndim else constant(value.item())
        example = node.meta.get("val")
        if not hasattr(example, "shape"):
            return example
        shape = tuple(self._size(size) for size in example.shape)
        kind = "boolean" if str(example.dtype) == "torch.bool" else (
            "real" if example.dtype.is_floating_point else "integer")
        self.inputs[node.name] = data(node.name, shape, dtype=kind)
        return self.inputs[node.name]

    def own_name(self, name: str) -> str:
        """The first name of a parameter: of tied weights, that under which the module lists them."""
        all_names = dict(self.module.named_parameters(remove_duplicate=False))
        return next((each for each, p in self.module.named_parameters() if p is all_names.get(name)), name)

    def _size(self, size: Any) -> Any:
        """A size of torch, open ones by names of ours."""
        expression = getattr(getattr(size, "node", None), "expr", None)
        if expression is None or expression.is_Integer:
            return int(size)
        for symbol in sorted(expression.free_symbols, key=str):
            if symbol not in self.sizes:
                self.sizes[symbol] = dim("N" if not self.sizes else f"N{len(self.sizes) + 1}")
        return expression.subs(self.sizes)

    def _outputs(self, node: Any) -> dict[str, Tensor]:
        found = self._value(node.args[0])
        import torch.utils._pytree as pytree

        whole = pytree.tree_unflatten(list(found), self.program.call_spec.out_spec)
        named: dict[str, Any] = {}
        _collect(whole, "", named)
        if list(named) == [""]:
            named = {"output": named[""]}
        return {name: value if isinstance(value, Tensor) else constant(value) for name, value in named.items()
                if value is not None}

    # steps ------------------------------------------------------------------------------------------------

    def _step(self, group: Sequence[Any]) -> list[ReadStep]:
        """The nodes of a layer, computed; one step, unless it computes no tensor."""
        inside = set(group)
        outer = list(dict.fromkeys(each for node in group for each in node.all_input_nodes if each not in inside))
        for node in group:
            self.values[node] = self._call(node, self.values)
        last = [node for node in group if any(user not in inside for user in node.users)] or [group[-1]]
        made = [self.values[node] for node in last]
        tensors = tuple(t for value in made for t in (value if isinstance(value, list) else [value])
                        if isinstance(t, Tensor))
        if not tensors or all(node.target is operator.getitem for node in group):
            return []
        path, kind = _module_of(group[0])
        whole = len(group) > 1 or _is_layer(self.module, path)
        given = [self.values[each] for each in outer]

        def again(*others: Any) -> tuple[Any, ...]:
            values = dict(zip(outer, others, strict=True))
            for node in group:
                values[node] = self._call(node, values)
            results = [values[node] for node in last]
            return tuple(t for value in results for t in (value if isinstance(value, list) else [value]))

        names = {id(p): name for name, p in self.parameters.items()}
        reads = tuple(names.get(id(value), each.name) for each, value in zip(outer, given, strict=True))
        operator_name = kind.rpartition(".")[2] if whole else _name(group[0])
        return [ReadStep(operator_name, path or group[0].name, reads, tuple(node.name for node in last),
                         _settings(group[0]), tensors, tuple(given), again)]

    def _call(self, node: Any, values: Mapping[Any, Any]) -> Any:
        arguments = [self._value(each, values) for each in node.args]
        named = {key: self._value(each, values) for key, each in node.kwargs.items()}
        if node.target is operator.getitem:
            return arguments[0][arguments[1]]
        if node.target in PLAIN.values():
            return sp.floor(arguments[0] / arguments[1]) if node.target is operator.floordiv and any(
                isinstance(a, sp.Expr) for a in arguments) else node.target(*arguments)
        name = _name(node)
        if name.startswith("sym_size"):
            return arguments[0].shape[arguments[1]]
        path, kind = _module_of(node)
        where = f"operator {name}, module {path!r} ({kind.rpartition('.')[2]})" if path else f"operator {name}"
        if name.startswith(("_assert", "sym_constrain")):
            return None
        rule = RULES.get(rule_name(node.target))
        if rule is None:
            raise SymgradError(f"from_torch: {where}: the operator is not known")
        known = {told.name for told in node.target._schema.arguments}
        for given, told in zip(arguments, node.target._schema.arguments, strict=False):
            named.setdefault(told.name, given)
        if node.target.namespace == "prims":
            named = {OF_PRIMS.get(key, key): each for key, each in named.items()}
        for told in node.target._schema.arguments:
            if told.has_default_value() and told.name not in named and told.default_value is not None:
                named[told.name] = told.default_value
        if "eps" in known and named.get("eps") is None:  # that of the precision
            named["eps"] = _rounding(node)
        for without in ("device", "pin_memory", "layout", "memory_format", "non_blocking", "copy", "dtype_layout"):
            named.pop(without, None)
        try:
            return rule(**named)
        except SymgradError as error:
            raise type(error)(f"from_torch: {where}: {error}") from None
        except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            raise SymgradError(f"from_torch: {where}: its arguments are not read ({error})") from None

    def _value(self, value: Any, values: Mapping[Any, Any] | None = None) -> Any:
        known = self.values if values is None else values
        if isinstance(value, (list, tuple)):
            return [self._value(each, values) for each in value]
        if hasattr(value, "all_input_nodes"):
            return known[value]
        return self._size(value) if hasattr(value, "node") and hasattr(value.node, "expr") else value


def _rounding(node: Any) -> float:
    """The distance from 1 to the next number, in the precision of what a node gives."""
    import torch

    return float(torch.finfo(node.meta["val"].dtype).eps)


def _name(node: Any) -> str:
    schema = getattr(node.target, "_schema", None)
    return str(schema.name).rpartition("::")[2] if schema is not None else getattr(node.target, "__name__", "?")


def _module_of(node: Any) -> tuple[str, str]:
    """The innermost module that a node came from: its path and its class."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    for path, kind in stack:
        if str(kind).rpartition(".")[2] in WHOLE:
            return str(path), str(kind)
    path, kind = stack[-1] if stack else ("", "")
    return str(path), kind if isinstance(kind, str) else f"{kind.__module__}.{kind.__name__}"


def _is_layer(module: Any, path: str) -> bool:
    """Is it a layer of torch.nn without layers in it?"""
    try:
        layer = module.get_submodule(path) if path else module
    except AttributeError:
        return False
    own = type(layer).__module__.startswith("torch.nn.") and not list(layer.children())
    return own or type(layer).__name__ in WHOLE


def _groups(nodes: Sequence[Any], module: Any) -> list[list[Any]]:
    """Nodes that one call of a layer makes, together; all others alone."""
    found: list[list[Any]] = []
    before: tuple[str, Any] | None = None
    for node in nodes:
        path, _ = _module_of(node)
        key = (path, tuple(node.meta.get("nn_module_stack") or ()))
        if _is_layer(module, path) and before == key and path:
            found[-1].append(node)
        else:
            found.append([node])
        before = key
    return found


def _settings(node: Any) -> dict[str, Any]:
    """Numbers and texts among the arguments of an operator, by their names."""
    told = getattr(getattr(node.target, "_schema", None), "arguments", ())
    given = {each.name: value for each, value in zip(told, node.args, strict=False)} | dict(node.kwargs)
    return {name: value for name, value in given.items() if isinstance(value, (int, float, str, bool))}


def _collect(value: Any, name: str, found: dict[str, Any]) -> None:
    """Outputs by name: keys, or their number."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            _collect(each, f"{name}.{key}" if name else str(key), found)
    elif isinstance(value, (list, tuple)):
        for i, each in enumerate(value):
            _collect(each, f"{name or 'output'}_{i + 1}", found)
    else:
        found[name] = value
