"""The notices page."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render

from marketplace.core.forms import show, submitted
from marketplace.notices import actions, joining
from marketplace.notices.forms import JoinForm
from marketplace.notices.models import Notice


def notices(request):
    """What the person was told, newest first; posting marks all as read."""
    if request.method == "POST":
        actions.mark_read(request.user)
        return redirect("notices:notices")
    notices = Notice.objects.filter(recipient=request.user)
    page = Paginator(notices, 30).get_page(request.GET.get("page"))
    return render(request, "notices/notices.html", {"page_obj": page})


def join(request):
    """Ask to join a team; its lead is told."""
    form = JoinForm(request.POST or None)
    done, told = submitted(request, form, lambda **data: joining.ask_to_join(request.user, **data))
    if done:
        names = ", ".join(str(person) for person in told[:3])
        messages.success(request, f"Asked: it is among the notices of {names}.")
        return redirect("home")
    return show(request, "notices/join.html", form)
