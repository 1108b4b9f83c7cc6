"""Pydantic's validation errors in the words of a study file: key, value, what is allowed."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails


def explain(error: ValidationError, model: type[BaseModel], prefix: str = "") -> str:
    """Return one line for each fault: `key: what is wrong, what is allowed (got value)`.

    Args:
        error: raised by `model`.
        model: the type that was validated.
        prefix: path of `model` in the study; empty for the study itself.
    """
    return "\n".join(_line(item, model, prefix) for item in error.errors())


def _line(item: ErrorDetails, model: type[BaseModel], prefix: str) -> str:
    kind, value = item["type"], item["input"]
    message = item["msg"].removeprefix("Value error, ")
    keys, parent, field = _walk(model, item["loc"])
    if kind == "extra_forbidden":
        message = f"unknown key; allowed: {', '.join(_models(parent)[0].model_fields)}"
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        name = item["ctx"]["discriminator"].strip("'")
        keys, value = [*keys, name], value.get(name)
        message = f"must be one of {', '.join(tag for m in _models(field) for tag in _tags(m))}"
    # A rule over the whole study names its key and value itself.
    if not keys and not prefix:
        return message
    path = ".".join(str(part) for part in [prefix, *keys] if part != "")
    hidden = kind == "missing" or isinstance(value, dict | BaseModel)
    return f"{path}: {message}" + ("" if hidden else f" (got {value!r})")


def _walk(kind: Any, location: tuple[str | int, ...]) -> tuple[list[str | int], Any, Any]:
    """Follow an error's location through the types.

    Returns:
        The keys as the file has them (pydantic adds the tag of a union's member), the type that
        holds the last key, and the type of its value.
    """
    keys: list[str | int] = []
    parent = kind
    for part in location:
        models = _models(kind)
        tagged = [model for model in models if part in _tags(model)]
        if len(models) > 1 and tagged:
            kind = tagged[0]
            continue
        keys.append(part)
        fields = [
            m.model_fields[part] for m in models if isinstance(part, str) and part in m.model_fields
        ]
        parent = kind
        if fields:
            kind = fields[0].annotation
    return keys, parent, kind


def _models(kind: Any) -> list[type[BaseModel]]:
    """Return the models that an annotation is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in get_args(kind) for model in _models(part)]


def _tags(model: type[BaseModel]) -> list[Any]:
    """Return the values by which a union tells this member from the others."""
    fields = [f.annotation for f in model.model_fields.values() if f.is_required()]
    return [tag for kind in fields if get_origin(kind) is Literal for tag in get_args(kind)]
