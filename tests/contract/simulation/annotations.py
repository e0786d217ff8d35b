"""Holding JSON against the type annotations of the official Stripe client.

The client's classes are generated from Stripe's own specification; a body fits a class
when every field in it is annotated and typed so, and nothing obligatory is absent. Where
an annotation is a list of known strings "or any other", only the known ones are accepted.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import stripe
from stripe._list_object import ListObject
from stripe._stripe_object import StripeObject, UntypedStripeObject

CLASSES: dict[str, type[StripeObject]] = {
    "customer": stripe.Customer,
    "event": stripe.Event,
    "invoice": stripe.Invoice,
    "invoice_payment": stripe.InvoicePayment,
    "line_item": stripe.InvoiceLineItem,
    "payment_intent": stripe.PaymentIntent,
    "payment_method": stripe.PaymentMethod,
    "subscription": stripe.Subscription,
    "subscription_item": stripe.SubscriptionItem,
}


def fields(cls: type) -> dict[str, Any]:
    """Annotations of the class's fields, not those of the class itself."""
    return {
        name: kind
        for name, kind in cls.__annotations__.items()
        if typing.get_origin(kind) is not typing.ClassVar
    }


def _resolve(kind: Any) -> Any:
    """A class named in quotes, or any object when the client does not export it."""
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, str):
        name = kind.rpartition(".")[2]
        return getattr(stripe, name, StripeObject)
    return kind


def is_optional(kind: Any) -> bool:
    """True when null is allowed, and so is absence."""
    return typing.get_origin(kind) is typing.Union and type(None) in typing.get_args(kind)


def object_class(kind: Any) -> type[StripeObject] | None:
    """The one annotated class behind `kind` (through Optional), or None."""
    kind = _resolve(kind)
    for option in typing.get_args(kind) if typing.get_origin(kind) is typing.Union else (kind,):
        option = _resolve(option)
        if isinstance(option, type) and issubclass(option, StripeObject) and fields_of(option):
            return option
    return None


def fields_of(cls: type) -> dict[str, Any]:
    """Fields of a typed class; nothing for the generic containers."""
    if cls in (StripeObject, ListObject, UntypedStripeObject):
        return {}
    return fields(cls) if "__annotations__" in vars(cls) else {}


def problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    """Yield where `value` does not fit the annotation `kind`."""
    kind = _resolve(kind)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return
    if origin is typing.Union:
        yield from _union_problems(value, arguments, path)
    elif origin is typing.Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is not among the known values"
    elif origin is list:
        yield from _list_problems(value, arguments[0], path)
    elif origin is ListObject:
        yield from _page_problems(value, arguments[0], path)
    elif origin is UntypedStripeObject:
        if not isinstance(value, dict):
            yield f"{path}: {value!r} is no object"
        else:
            for name, part in value.items():
                yield from problems(part, arguments[0], f"{path}.{name}")
    elif isinstance(kind, type) and issubclass(kind, StripeObject):
        yield from object_problems(value, kind, path)
    elif not _is_scalar(value, kind):
        yield f"{path}: {value!r} is no {getattr(kind, '__name__', kind)}"


def _union_problems(value: Any, options: tuple[Any, ...], path: str) -> Iterator[str]:
    if any(typing.get_origin(option) is typing.Literal for option in options):
        options = tuple(option for option in options if option is not str)
    found = [list(problems(value, option, path)) for option in options]
    if [] not in found:
        yield from max(found, key=len)


def _list_problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} is no list"
        return
    for index, part in enumerate(value):
        yield from problems(part, kind, f"{path}[{index}]")


def _page_problems(value: Any, kind: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict) or set(value) != {"object", "data", "has_more", "url"}:
        yield f"{path}: is no list object"
        return
    yield from _list_problems(value["data"], kind, f"{path}.data")


def object_problems(value: Any, cls: type, path: str) -> Iterator[str]:
    """Yield where an object does not fit its class."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    known = fields_of(cls)
    for name in sorted(set(value) - set(known)) if known else ():
        yield f"{path}.{name}: not known to the client"
    for name, kind in known.items():
        if name in value:
            yield from problems(value[name], kind, f"{path}.{name}")
        elif not is_optional(kind):
            yield f"{path}.{name}: obligatory, and absent"


def _is_scalar(value: Any, kind: Any) -> bool:
    if kind is Decimal:
        try:
            return isinstance(value, str) and Decimal(value).is_finite()
        except InvalidOperation:
            return False
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)


def absent(served: Any, example: Any, kind: Any, path: str) -> Iterator[str]:
    """Yield fields that example and annotations know and that are not served."""
    cls = object_class(kind)
    if cls is None or not isinstance(served, dict) or not isinstance(example, dict):
        return
    for name, part in fields_of(cls).items():
        if name in example and name not in served:
            yield f"{path}.{name}"
        elif name in example:
            yield from absent(served[name], example[name], part, f"{path}.{name}")
