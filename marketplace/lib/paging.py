"""One paging for every API list: cursor pages, newest first or as the list was sorted."""

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """The order of the queryset counts, when filters set one; the primary key settles ties."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_ordering(self, request, queryset, view):
        return (*(name for name in queryset.query.order_by if isinstance(name, str)), "-pk")
