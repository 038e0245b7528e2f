"""Read what can be read of an object that is not of the type it should be; `rows` does so when decoding failed."""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Final, Never, Union, get_args, get_origin

import msgspec

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])
_NULL: Final = msgspec.Raw(b"null")


class UnreadableError(TypeError):
    """A value that is computed of a field that cannot be read."""


class Unreadable:
    """The value of a field that could not be read: whatever is computed of it fails, and is no value either."""

    def _fail(self, *_: object) -> Never:
        raise UnreadableError

    __bool__ = __iter__ = __len__ = __str__ = __format__ = __hash__ = __eq__ = __add__ = __radd__ = _fail
    __lt__ = __le__ = __gt__ = __ge__ = __getattr__ = _fail


UNREADABLE: Final = Unreadable()


def salvage(raw: msgspec.Raw, type_: Any, odd: dict[str, str], path: str = "") -> Any:
    """Decode a value; of a struct and of a list what can be decoded.

    :param raw: JSON.
    :param type_: what it should be.
    :param odd: gets the path of every field that is something else, and the problem.
    :param path: where the value stands in the object.
    :returns: `UNREADABLE` when nothing can be decoded.
    """
    try:
        return msgspec.json.decode(raw, type=type_)
    except msgspec.MsgspecError as error:
        problem = str(error).partition(" - at `")[0]
    first = bytes(raw).lstrip()[:1]
    for option in _options(type_):
        if first == b"{" and isinstance(option, type) and issubclass(option, msgspec.Struct):
            return _struct(raw, option, odd, path)
        if first == b"[" and get_origin(option) is list:
            read = [salvage(item, get_args(option)[0], odd, f"{path}[]") for item in _ITEMS.decode(raw)]
            return [value for value in read if value is not UNREADABLE]
        if option is int and (whole := _whole(raw)) is not None:
            return whole
    odd.setdefault(path, problem)
    return UNREADABLE


def _struct(raw: msgspec.Raw, type_: type[msgspec.Struct], odd: dict[str, str], path: str) -> msgspec.Struct:
    members = _MEMBERS.decode(raw)
    # null is absent, as encoding/json of Go has it.
    read = {
        field.name: salvage(
            members[field.encode_name], field.type, odd, f"{path}.{field.encode_name}" if path else field.encode_name
        )
        for field in msgspec.structs.fields(type_)
        if members.get(field.encode_name, _NULL) != _NULL or (field.required and field.encode_name in members)
    }
    return type_(**read)


def _options(type_: Any) -> list[Any]:
    """List the types that a value may be of."""
    if get_origin(type_) is Annotated:
        return _options(get_args(type_)[0])
    if get_origin(type_) in (Union, UnionType):
        return [option for each in get_args(type_) for option in _options(each)]
    return [type_]


def _whole(raw: msgspec.Raw) -> int | None:
    """Read ``1.0`` and ``1e3`` as whole numbers."""
    try:
        number = msgspec.json.decode(raw, type=float)
    except msgspec.MsgspecError:
        return None
    return int(number) if number.is_integer() else None
