"""COPY rows into a table in PostgreSQL's binary format, which costs both sides less than text.

Text would have PostgreSQL look for the ends of lines and for escapes: when this was chosen, that was 0.35 s of CPU more
for 20,000 pods of ``tests/benchmarks/pods.py``. psycopg's `write_row` looks up how to write each value: 0.2 s more.

The format: https://www.postgresql.org/docs/current/sql-copy.html. How values look in it stands in the ``_recv``
functions of PostgreSQL's source, below ``src/backend/utils/adt``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Context, Decimal
from functools import cache, lru_cache
from socket import AF_INET, AF_INET6, inet_pton
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg import sql

from airflow_provider_k8s_inventory.model import Column

_SIGNATURE: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_BLOCK: Final = 128 << 10
"""Bytes that are sent at once: as many as psycopg passes to libpq in one piece, ``_copy_base.MAX_BUFFER_SIZE``."""
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TEXT_OID: Final = 25
_INET_OID: Final = 869
_GROUP: Final = 4
"""Decimal digits in one of numeric's."""
_EXACT: Final = Context(prec=400)
_IPV4: Final = b"\2\x20\0\4"
"""The address family, the bits of the mask, no network, and the bytes that follow."""
_IPV6: Final = b"\3\x80\0\x10"

_Encode = Callable[[Any], bytes]
_Lines = Callable[[Iterable[tuple[Any, ...]], bytes], Iterator[bytes]]

_length = struct.Struct(">i").pack
_json_length = struct.Struct(">ib").pack
_integer = struct.Struct(">ii").pack
_bigint = struct.Struct(">iq").pack
_array = struct.Struct(">iiIii").pack


def _of_text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _of_integer(value: int) -> bytes:
    return _integer(4, value)


def _of_bigint(value: int) -> bytes:
    return _bigint(8, value)


# The same few quantities come again and again.
@lru_cache(maxsize=4096)
def _of_numeric(value: Decimal) -> bytes:
    """Write the digits to the base of 10,000, and where their point is.

    Without the zeros that end a fraction: the cache takes 1.50 for 1.5, and how it is written must not depend on which
    of them came first.
    """
    value = value.normalize(_EXACT)
    scale = max(0, -int(value.as_tuple().exponent))
    padding = -scale % _GROUP
    left = abs(int(value.scaleb(scale + padding, _EXACT)))
    groups: list[int] = []
    while left:
        left, group = divmod(left, 10**_GROUP)
        groups.insert(0, group)
    weight = len(groups) - 1 - (scale + padding) // _GROUP
    while groups and not groups[-1]:
        groups.pop()
    sign = 0x4000 if value.is_signed() else 0
    data = struct.pack(f">hhHh{len(groups)}h", len(groups), weight, sign, scale, *groups)
    return _length(len(data)) + data


def _of_boolean(value: bool) -> bytes:
    return b"\0\0\0\1\1" if value else b"\0\0\0\1\0"


def _of_time(value: datetime) -> bytes:
    since = value - _EPOCH
    return _bigint(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _of_address(value: str) -> bytes:
    data = _IPV6 + inet_pton(AF_INET6, value) if ":" in value else _IPV4 + inet_pton(AF_INET, value)
    return _length(len(data)) + data


def _of_array(oid: int, encode: _Encode) -> _Encode:
    # Pods of one template have the same images, and all have few names of containers.
    @lru_cache(maxsize=1024)
    def of_array(values: tuple[Any, ...]) -> bytes:
        # An empty array has no dimensions.
        head = _array(1, 0, oid, len(values), 1) if values else _array(0, 0, oid, 0, 0)[:12]
        data = head + b"".join([_NULL if value is None else encode(value) for value in values])
        return _length(len(data)) + data

    return lambda values: of_array(tuple(values))


_ENCODERS: Final[Mapping[str, _Encode]] = MappingProxyType(
    {
        "integer": _of_integer,
        "bigint": _of_bigint,
        "numeric": _of_numeric,
        "boolean": _of_boolean,
        "timestamp with time zone": _of_time,
        "inet": _of_address,
        "text[]": _of_array(_TEXT_OID, _of_text),
        "inet[]": _of_array(_INET_OID, _of_address),
    }
)
"""By PostgreSQL's name of a type."""
_SIZES: Final = {"text": ("length", ""), "jsonb": ("json_length", " + 1, 1")}
"""The calls that write what comes before a text; jsonb has a version of its own there."""
TYPES: Final = frozenset(_ENCODERS) | frozenset(_SIZES)
"""The types of columns that can be copied."""


def copy(
    cursor: psycopg.Cursor[Any],
    table: sql.Identifier,
    columns: Sequence[Column],
    rows: Iterable[tuple[Any, ...]],
    *,
    constant: Mapping[Column, Any] | None = None,
) -> int:
    """Copy rows into a table.

    :param columns: the columns of the rows, in their order.
    :param rows: of each the values; jsonb is text.
    :param constant: further columns, with the value that all rows have.
    :returns: how many rows were given; ``cursor.rowcount`` says how many were written.
    """
    constant = constant or {}
    every = (*constant, *columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        table, sql.SQL(", ").join(sql.Identifier(column.name) for column in every)
    )
    (same,) = _lines(tuple(column.type for column in constant))([tuple(constant.values())], b"")
    lines = _lines(tuple(column.type for column in columns))
    start = struct.pack(">h", len(every)) + same
    given, block = 0, bytearray(_SIGNATURE)
    with cursor.copy(statement) as copying:
        for line in lines(rows, start):
            given += 1
            block += line
            if len(block) >= _BLOCK:
                copying.write(block)
                block.clear()
        copying.write(block + _END)
    return given


@cache
def _lines(types: tuple[str, ...]) -> _Lines:
    """Compile the function that writes rows of these types, each behind the same start.

    It is Python, as one would write it by hand for one table: 7 us for a pod of ``tests/benchmarks/pods.py``. A loop
    over encoders takes 10 us, psycopg's `write_row` 18 us. To compile it takes 1 ms, once for each table.
    """
    names = [f"value{place}" for place in range(len(types))]
    scope: dict[str, Any] = {"NULL": _NULL, "length": _length, "json_length": _json_length}
    body, pieces = [], ["start"]
    for name, type_ in zip(names, types, strict=True):
        if type_ in _SIZES:
            size, more = _SIZES[type_]
            body += [
                f"if {name} is None:",
                f"    {name}, size_of_{name} = b'', NULL",
                "else:",
                f"    {name} = {name}.encode()",
                f"    size_of_{name} = {size}(len({name}){more})",
            ]
            pieces += [f"size_of_{name}", name]
        else:
            scope[f"encode_{name}"] = _ENCODERS[type_]
            pieces.append(f"NULL if {name} is None else encode_{name}({name})")
    head = f"def lines(rows, start):\n    for ({''.join(f'{name}, ' for name in names)}) in rows:\n"
    source = [*body, f"yield b''.join(({', '.join(pieces)},))"]
    exec(head + "".join(f"        {line}\n" for line in source), scope)  # noqa: S102 - names of our own only
    lines: _Lines = scope["lines"]
    return lines
