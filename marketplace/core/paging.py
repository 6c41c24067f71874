"""One paging for every API list: cursor pages in the order of the list (docs/input-limits.md).

A cursor says after (or before) which row a page begins. It is signed, and bound to its list, filters and sort: one that was
cut, invented, or kept while the question changed is refused by name, and never reaches the database.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from django.core import signing
from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, Q
from django.db.models.expressions import OrderBy
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.utils.urls import remove_query_param, replace_query_param

from marketplace.core.query import whole_number

CURSOR, PAGE_SIZE = "cursor", "page_size"
USUAL, MOST = 50, 200  # rows
STALE = "This cursor is not of this list with these filters and this order. Leave it out to begin at the first page."


class Pages(BasePagination):
    """The order of the queryset counts (field names, "-" for descending; nulls come last); the primary key settles ties."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the page that `request` asks for. Raises ValidationError naming `cursor` or `page_size`."""
        self.request = request
        self.order = (*(name for name in queryset.query.order_by if isinstance(name, str)), "-pk")
        size, (values, is_backward) = self._size(), self._cursor()
        rows = queryset.order_by(*_ordering(queryset.model, self.order, is_backward))
        if values is not None:
            rows = rows.filter(
                _beyond(queryset.model, list(zip(self.order, values, strict=True)), is_backward)
            )
        page = list(rows[: size + 1])
        has_more, self.rows = len(page) > size, page[:size]
        if is_backward:
            self.rows.reverse()
        self.has_next = has_more if not is_backward else True
        self.has_previous = has_more if is_backward else values is not None
        return self.rows

    def get_paginated_response(self, data: Any) -> Response:
        """{"next", "previous", "results"}: addresses of the neighbouring pages, null at the ends."""
        following = (
            self._link(self.rows[-1], is_backward=False) if self.rows and self.has_next else None
        )
        before = (
            self._link(self.rows[0], is_backward=True) if self.rows and self.has_previous else None
        )
        return Response({"next": following, "previous": before, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        size = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
        return [
            _parameter(
                CURSOR,
                "From `next` or `previous` of a page of this list; no other text is one.",
                {"type": "string"},
            ),
            _parameter(PAGE_SIZE, "Rows of a page.", size),
        ]

    def _size(self) -> int:
        text = self.request.query_params.get(PAGE_SIZE)
        if text is None:
            return USUAL
        size = whole_number(text)
        if size is None or not 1 <= size <= MOST:
            raise ValidationError({PAGE_SIZE: [f"Choose a whole number from 1 to {MOST}."]})
        return size

    def _cursor(self) -> tuple[list[Any] | None, bool]:
        """(the order's values in the row where the page begins, does it go backward?); (None, False) for the first page."""
        text = self.request.query_params.get(CURSOR)
        if text is None:
            return None, False
        try:
            bound_to, values, is_backward = signing.loads(text, salt=__name__)
        except (signing.BadSignature, ValueError, TypeError):
            bound_to, values, is_backward = None, None, False
        if bound_to != self._binding():
            raise ValidationError({CURSOR: [STALE]}, code="stale")
        return values, is_backward

    def _link(self, row: Any, *, is_backward: bool) -> str:
        values = [_kept(row, name.lstrip("-")) for name in self.order]
        text = signing.dumps([self._binding(), values, is_backward], salt=__name__)
        address = remove_query_param(self.request.build_absolute_uri(), CURSOR)
        return str(replace_query_param(address, CURSOR, text))

    def _binding(self) -> str:
        """What a cursor is bound to: the list's address, its filters and its order."""
        filters = sorted(
            (name, value)
            for name, values in self.request.query_params.lists()
            for value in values
            if name not in (CURSOR, PAGE_SIZE)
        )
        return hashlib.sha256(repr((self.request.path, filters, self.order)).encode()).hexdigest()[
            :16
        ]


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _kept(row: Any, path: str) -> Any:
    """The value of a field as a cursor keeps it: what JSON has, else its text."""
    for step in path.split("__"):
        row = getattr(row, step)
    return row if row is None or isinstance(row, (int, str)) else str(row)


def _ordering(
    model: type[Model], order: tuple[str, ...], is_backward: bool
) -> Iterator[str | OrderBy]:
    """`order` for order_by(), reversed when the page goes backward. Only where there are nulls their place is said: an index needs no more."""
    for name in order:
        descends = name.startswith("-") != is_backward
        if not _may_be_null(model, name):
            yield f"{'-' if descends else ''}{name.lstrip('-')}"
        else:
            places: dict[str, Any] = {"nulls_first": True} if is_backward else {"nulls_last": True}
            yield (
                F(name.lstrip("-")).desc(**places)
                if descends
                else F(name.lstrip("-")).asc(**places)
            )


def _beyond(model: type[Model], order: list[tuple[str, Any]], is_backward: bool) -> Q:
    """Rows that come after (backward: before) the row with these values."""
    (name, value), rest = order[0], order[1:]
    field, descends = name.lstrip("-"), name.startswith("-")
    if value is None:
        further = Q(**{f"{field}__isnull": False}) if is_backward else Q(pk__in=[])
        same = Q(**{f"{field}__isnull": True})
    else:
        further = Q(**{f"{field}__{'lt' if descends != is_backward else 'gt'}": value})
        if not is_backward and _may_be_null(model, name):
            further |= Q(**{f"{field}__isnull": True})
        same = Q(**{field: value})
    return further | (same & _beyond(model, rest, is_backward)) if rest else further


def _may_be_null(model: type[Model], name: str) -> bool:
    """Fields of related rows and annotations are never null in the lists there are."""
    try:
        return name.lstrip("-") != "pk" and bool(model._meta.get_field(name.lstrip("-")).null)
    except FieldDoesNotExist:
        return False
