"""What a file says of its values: types, shapes, and which initializers are only settings of operators."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from symgrad.graphs.errors import DataError
from symgrad.language.symbols import dim
from symgrad.networks.call import kind_of
from symgrad.networks.operator_table import OPERATORS

Values = MutableMapping[Any, Any]  # values by name, and their types by (KIND, name)
KIND = object()


def with_attributes(node: Any, own: Mapping[str, Any], values: Values) -> Any:
    """A node of a function, with the caller's attributes where it refers to them; inputs that are left out stay so."""
    copy = type(node)()
    copy.CopyFrom(node)
    for i, name in enumerate(copy.input):
        if name in values and values[name] is None:
            copy.input[i] = ""
    if any(each.ref_attr_name for each in copy.attribute):
        del copy.attribute[:]
        for each in node.attribute:
            if not each.ref_attr_name:
                copy.attribute.append(each)
            elif each.ref_attr_name in own:
                moved = type(each)()
                moved.CopyFrom(own[each.ref_attr_name])
                moved.name = each.name
                copy.attribute.append(moved)
    return copy


def schema_of(onnx: Any, operator: str, version: int, domain: str) -> Any:
    """ONNX's definition of an operator in the version of a file; None where it has none."""
    try:
        return onnx.defs.get_schema(operator, version, domain)
    except Exception:  # SchemaError, of an operator that onnx does not know
        return None


def dtype_of(kind: str, what: str) -> str:
    """The kind of symgrad for a type of elements. Raises DataError for what is no number."""
    if kind.startswith("float") or kind == "bfloat16":
        return "real"
    if kind in ("uint64", "str") or kind.startswith(("complex", "type")):
        raise DataError(f"{what} holds {kind}; real numbers, integers and truth values are read")
    return "boolean" if kind == "bool" else "integer"


def declared_type(entry: Any) -> tuple[str, list[Any] | None]:
    """Type and shape that a file declares of a value; sizes by their names, None where they have none."""
    if not entry.type.HasField("tensor_type"):
        return "", None
    told = entry.type.tensor_type
    if not told.HasField("shape"):
        return kind_of(told.elem_type), None
    sizes: list[Any] = []
    for size in told.shape.dim:
        if size.HasField("dim_value") and size.dim_value >= 0:
            sizes.append(int(size.dim_value))
        else:
            name = "_".join(size.dim_param.replace(",", " ").split())
            sizes.append(dim(name) if name else None)
    return kind_of(told.elem_type), sizes


def shapes_of(graph: Any) -> dict[str, tuple[str, list[Any] | None]]:
    """Types and shapes that a file declares of values, by name; sizes that no input has are None."""
    named = {size for entry in graph.input for size in declared_type(entry)[1] or () if size is not None}
    found = {}
    for entry in (*graph.value_info, *graph.input, *graph.output):
        kind, shape = declared_type(entry)
        known = None if shape is None else [size if isinstance(size, int) or size in named else None for size in shape]
        found[entry.name] = kind, known
    return found


def kinds_of_results(schema: Any, attributes: Mapping[str, Any], kinds: Sequence[str], count: int) -> list[str]:
    """The types of what an operator gives, from those of what it reads, as its definition says; "" where not known."""
    if "to" in schema.attributes and isinstance(attributes.get("to"), int):
        return [kind_of(attributes["to"])] * count
    letters: dict[str, str] = {}
    for place, kind in enumerate(kinds):
        if kind and schema.inputs:
            letters.setdefault(schema.inputs[min(place, len(schema.inputs) - 1)].type_str, kind)
    only = {each.type_param_str: _named_kind(each.allowed_type_strs[0]) for each in schema.type_constraints
            if len(each.allowed_type_strs) == 1}
    outputs = [schema.outputs[min(place, len(schema.outputs) - 1)].type_str for place in range(count)] if (
        schema.outputs) else [""] * count
    return [letters.get(each) or only.get(each) or _named_kind(each) for each in outputs]


def _named_kind(text: str) -> str:
    """The type that ONNX writes tensor(float)."""
    name = text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else ""
    return {"float": "float32", "double": "float64"}.get(name, name)


def settings_of(model: Any, graph: Any) -> set[str]:
    """Initializers that are only read where an operator takes a setting."""
    held: set[str] = set()
    learnt: set[str] = set()
    stack = list(graph.node)
    while stack:
        node = stack.pop()
        row = OPERATORS.get(("" if node.domain == "ai.onnx" else node.domain, node.op_type))
        for place, name in enumerate(node.input):
            identity = row is not None and node.op_type == "Identity"
            (held if row is not None and place in row.held and not identity else learnt).add(name)
        for attribute in node.attribute:
            stack += [*attribute.g.node, *(n for g in attribute.graphs for n in g.node)]
    learnt |= {entry.name for entry in graph.output}
    return held - learnt
