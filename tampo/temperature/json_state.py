"""A policy's state as JSON and back, exactly: values of NumPy and torch keep their type and every bit.

JSON has numbers, text, lists and objects with text for keys. What else a state may hold is written as an
object with the key `__type__`: NumPy scalars and arrays, torch tensors, tuples, dicts with other keys,
NaN and infinities. Everything else is refused with the place where it stands: a state that comes back as
something else would resume to another run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

TYPE = "__type__"
LEGAL = (
    "None, bool, int, float, str, lists, tuples and dicts of them, NumPy scalars and arrays of numbers, "
    "and torch tensors on the CPU without gradient"
)
_NUMBERS = "biuf"
_DOUBLE = 8
"""Bytes of the widest float that a Python float holds."""


class UnsavableValue(TypeError):
    """A value that a checkpoint cannot hold; the message names its place and type."""


def to_json(value: Any, where: str) -> Any:
    """Return `value` as JSON values.

    Args:
        value: a state or a part of one.
        where: its place, for the message.

    Raises:
        UnsavableValue: it, or something in it, cannot be restored exactly.
    """
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {TYPE: "float", "value": str(value)}
    if kind is list:
        return [to_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if kind is tuple:
        return {TYPE: "tuple", "items": to_json(list(value), where)}
    if kind is dict:
        return _dict_to_json(value, where)
    if isinstance(value, np.generic) or kind is np.ndarray:
        return _array_to_json(value, where)
    if _is_tensor(value):
        return _tensor_to_json(value, where)
    raise UnsavableValue(f"{where} is {_named(value)}; a checkpoint can hold {LEGAL}")


def from_json(value: Any) -> Any:
    """Return what `to_json` was given; other values as they are."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get(TYPE)
    if kind is None:
        return {key: from_json(item) for key, item in value.items()}
    if kind == "float":
        return float(value["value"])
    if kind == "tuple":
        return tuple(from_json(value["items"]))
    if kind == "dict":
        return {from_json(key): from_json(item) for key, item in value["items"]}
    values = from_json(value["values"])
    if kind == "tensor":
        import torch

        return torch.tensor(values, dtype=getattr(torch, value["dtype"])).reshape(value["shape"])
    array = np.array(values, dtype=value["dtype"]).reshape(value["shape"])
    return array[()] if kind == "scalar" else array


def plain(value: Any) -> Any:
    """Return a value for a reader: NumPy's and torch's become plain numbers and lists."""
    if isinstance(value, np.generic | np.ndarray) or _is_tensor(value):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def _dict_to_json(value: dict[Any, Any], where: str) -> dict[str, Any]:
    if TYPE in value:
        # Written by this function before: a state may be handed on by who holds the policy.
        return value
    items = {key: to_json(item, f"{where}[{key!r}]") for key, item in value.items()}
    if all(type(key) is str for key in value):
        return items
    pairs = [[to_json(key, f"{where}, its key {key!r}"), item] for key, item in items.items()]
    return {TYPE: "dict", "items": pairs}


def _array_to_json(value: np.generic | np.ndarray, where: str) -> dict[str, Any]:
    dtype = value.dtype
    wide = dtype.kind == "f" and dtype.itemsize > _DOUBLE
    if (dtype.kind not in _NUMBERS and dtype.kind != "U") or wide:
        raise UnsavableValue(
            f"{where} is {_named(value)} of dtype {dtype}; a checkpoint can hold {LEGAL}"
        )
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    values = to_json(np.ravel(value).tolist(), where)
    return {TYPE: kind, "dtype": dtype.str, "shape": list(value.shape), "values": values}


def _tensor_to_json(value: Any, where: str) -> dict[str, Any]:
    strided = str(value.layout) == "torch.strided"
    if value.requires_grad or value.device.type != "cpu" or not strided or value.is_complex():
        raise UnsavableValue(
            f"{where} is a tensor on {value.device} (requires_grad: {value.requires_grad}, "
            f"{value.dtype}); a checkpoint can hold {LEGAL}"
        )
    values = to_json(value.flatten().tolist(), where)
    dtype = str(value.dtype).removeprefix("torch.")
    return {TYPE: "tensor", "dtype": dtype, "shape": list(value.shape), "values": values}


def _is_tensor(value: Any) -> bool:
    # A policy without tensors does not pay for importing torch.
    return f"{type(value).__module__}.{type(value).__name__}" == "torch.Tensor"


def _named(value: Any) -> str:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"a {name}"
