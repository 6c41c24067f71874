"""The support desk: look, do not touch. Changes go through the verbs, so that they are checked and recorded."""

from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

MOST_ROWS = 1_000  # that a list goes through page by page; filters and search find the others


class NewestRows(Paginator):
    """Pages of the first MOST_ROWS rows: further ones are not even counted."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:MOST_ROWS].count()


class LookOnly(admin.ModelAdmin):
    """Shows rows, the newest first; adds, changes and deletes nothing. A list costs the same, however many rows there are."""

    ordering = ["-pk"]
    list_per_page = 25
    paginator = NewestRows
    show_full_result_count = False

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
