"""The notices page."""

from django.core.paginator import Paginator
from django.shortcuts import redirect, render

from marketplace.notices import actions
from marketplace.notices.models import Notice


def notices(request):
    """What the person was told, newest first; posting marks all as read."""
    if request.method == "POST":
        actions.mark_read(request.user)
        return redirect("notices:notices")
    notices = Notice.objects.filter(recipient=request.user)
    page = Paginator(notices, 30).get_page(request.GET.get("page"))
    return render(request, "notices/notices.html", {"page_obj": page})
