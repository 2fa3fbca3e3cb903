"""Answers as EC2's XML, straight from plain values: fast enough for pages of a thousand instances."""

from __future__ import annotations

import uuid
from datetime import datetime
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

from moto.core.model import ListShape, StructureShape
from moto.core.responses import ActionResult
from moto.core.utils import get_service_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.model import Shape
    from moto.core.common_types import TYPE_RESPONSE
    from moto.core.responses import ActionContext

    Writer: TypeAlias = Callable[[Any, list[str]], None]

Answer: TypeAlias = "Mapping[str, Any]"
"""An answer with botocore's member names as keys; None values are left out."""


class WireResult(ActionResult):
    """An answer made of mappings, lists and scalars under botocore's member names.

    Moto's own serializer looks for every member of every shape in a dozen places; this one writes what is there.
    A key that the API does not have raises KeyError: a mistake of ours, never a silent omission.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self._answer = answer

    def execute_result(self, context: ActionContext) -> TYPE_RESPONSE:
        """Return status, headers and the XML body (Amazon EC2 query protocol)."""
        operation = str(context.operation_model.name)
        parts = [
            '<?xml version="1.0" encoding="utf-8"?>\n',
            f'<{operation}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">',
            f"<requestId>{uuid.uuid4()}</requestId>",
        ]
        _output_writer(operation)(self._answer, parts)
        parts.append(f"</{operation}Response>")
        return 200, {"Content-Type": "text/xml"}, "".join(parts)


@cache
def _output_writer(operation: str) -> Writer:
    shape = get_service_model("ec2").operation_model(operation).output_shape
    return _nothing if shape is None else _writer(shape)


def _nothing(_value: object, _parts: list[str]) -> None:
    """Write the body of an answer that has none."""


def _writer(shape: Shape) -> Writer:
    if isinstance(shape, StructureShape):
        return _structure_writer(shape)
    if isinstance(shape, ListShape):
        return _list_writer(shape)
    return _write_scalar


def _structure_writer(shape: StructureShape) -> Writer:
    members = {
        key: (str(member.serialization.get("name", key)), _writer(member))
        for key, member in shape.members.items()
    }

    def write(value: Mapping[str, Any], parts: list[str]) -> None:
        for key, each in value.items():
            if each is None:
                continue
            tag, writer = members[key]
            parts.append(f"<{tag}>")
            writer(each, parts)
            parts.append(f"</{tag}>")

    return write


def _list_writer(shape: ListShape) -> Writer:
    writer = _writer(shape.member)
    tag = str(shape.member.serialization.get("name", "item"))

    def write(value: list[Any], parts: list[str]) -> None:
        for each in value:
            parts.append(f"<{tag}>")
            writer(each, parts)
            parts.append(f"</{tag}>")

    return write


def _write_scalar(value: object, parts: list[str]) -> None:
    if isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, datetime):
        parts.append(value.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    else:
        parts.append(escape(str(value), quote=False))
