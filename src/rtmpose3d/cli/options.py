"""Groups of options: a dataclass declares them once, `expand_options` gives them to a command.

A command that has a parameter of such a dataclass gets one command-line option per field, and an
instance of the dataclass when it is called. Parameters and fields with a closed set of values
(`Literal`, or `Choices` where the values come from a table) accept these only.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Literal, Optional, Union, cast, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Choices:
    """Marks a `str` option whose values come from a table: `Annotated[str, Choices(TABLE)]`."""

    names: Iterable[str]


class _Choice(str):
    """A value of the enums that stand for closed sets of values while typer parses them."""

    __slots__ = ()


def expand_options(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is an options dataclass by the fields of the dataclass.

    A field's default is that of the parameter's default value if there is one, otherwise that of
    the dataclass. The dataclass may check its values in `__post_init__`.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type] = {}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        hint = hints[name]
        if isinstance(hint, type) and is_dataclass(hint):
            groups[name] = hint
            parameters += _field_parameters(hint, parameter.default)
        else:
            parameters.append(_option_parameter(name, hint, parameter.default))

    @functools.wraps(command)
    def expanded(**values: object) -> None:
        plain = {name: _plain_value(value) for name, value in values.items()}
        for name, group in groups.items():
            options = {field.name: plain.pop(field.name) for field in fields(group) if field.init}
            plain[name] = group(**options)
        command(**plain)

    # typer reads the signature, its older versions the annotations, too.
    expanded.__dict__["__signature__"] = inspect.Signature(parameters)
    expanded.__annotations__ = {one.name: one.annotation for one in parameters}
    return expanded


def _field_parameters(group: type, defaults: object) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    parameters = []
    for field in fields(group):
        if not field.init:
            continue
        default = inspect.Parameter.empty if field.default is MISSING else field.default
        if defaults is not inspect.Parameter.empty:
            default = getattr(defaults, field.name)
        parameters.append(_option_parameter(field.name, hints[field.name], default))
    return parameters


def _option_parameter(name: str, hint: object, default: object) -> inspect.Parameter:
    """A parameter as typer reads it: keyword only, closed sets of values as an enum."""
    plain, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    choices = next((mark.names for mark in marks if isinstance(mark, Choices)), None)
    values = _literal_values(plain) if choices is None else tuple(choices)
    annotation = hint
    if values:
        enum = cast("type[Enum]", Enum(name, {value: value for value in values}, type=_Choice))
        annotation = Optional[enum] if NoneType in get_args(plain) else enum  # noqa: UP045 - a value
        marks = [mark for mark in marks if not isinstance(mark, Choices)]
        if marks:
            annotation = Annotated[(annotation, *marks)]  # type: ignore[assignment]
        if isinstance(default, str):
            default = enum(default)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


def _literal_values(hint: object) -> tuple[str, ...]:
    """The values of a `Literal`, also in a union with None; none for other types."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in (Union, UnionType):
        members = [member for member in get_args(hint) if member is not NoneType]
        return _literal_values(members[0]) if len(members) == 1 else ()
    return ()


def _plain_value(value: object) -> object:
    return str(value.value) if isinstance(value, Enum) and isinstance(value, _Choice) else value
