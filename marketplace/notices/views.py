"""Pages of notices: the centre, the preferences."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, submitted
from marketplace.core.query import chosen, whole_number
from marketplace.core.templatetags.formatting import quantity
from marketplace.notices import actions, kinds, letters, preferences
from marketplace.notices.filters import NoticePageFilter
from marketplace.notices.forms import ChannelForm, TimesForm
from marketplace.notices.models import Letter, Notice, Watch

PAGE_SIZE = 30
ACTS = {"read": "read", "unread": "unread", "all": "all"}


def notices(request: PageRequest) -> HttpResponse:
    """What the person was told, newest first; the address holds the filters. Posting marks those that are ticked, or all that fit."""
    own = Notice.objects.on_page(request.user)
    filterset = NoticePageFilter(request.GET, queryset=own)
    if request.method == "POST":
        return _mark(request, filterset.qs)
    page = Paginator(filterset.qs, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page_obj": page,
        "form": filterset.form,
        "problems": filterset.sentences,
        "is_filtered": any(request.GET.get(name) for name in filterset.base_filters),
    }
    status = 400 if filterset.sentences else 200
    return render(request, "notices/notices.html", context, status=status)


def channels(request: PageRequest) -> HttpResponse:
    """By which channel which kind of notice comes, quiet hours and digest; posting keeps one of the two forms."""
    sent = request.POST if request.method == "POST" else None
    of_times = sent if sent is not None and "time_zone" in sent else None
    times = TimesForm(of_times, chosen=preferences.times_of(request.user))
    done, _ = submitted(request, times, lambda **data: actions.set_times(request.user, **data))
    if done:
        messages.success(request, "Saved.")
        return redirect("notices:channels")
    rows = _channel_forms(request, None if of_times is not None else sent)
    if sent is not None and of_times is None and _keep_channels(request, rows):
        messages.success(request, "Saved.")
        return redirect("notices:channels")
    forms = {form.kind.slug: form for form in rows}
    groups = [
        (heading, [forms[kind.slug] for kind in listed]) for heading, listed in kinds.groups()
    ]
    context = {"groups": groups, "watches": Watch.objects.visible_to(request.user)}
    return show(request, "notices/channels.html", times, **context)


@require_POST
def stop_watching(request: PageRequest, slug: str) -> HttpResponse:
    """Be told of the model as before; of one that the person may no longer see, too."""
    actions.forget_watch(request.user, slug)
    messages.success(request, "You are told of it as of any other model.")
    return redirect(f"{reverse('notices:channels')}#watches")


def letter_list(request: PageRequest) -> HttpResponse:
    """One's own mail, the newest first, whether a server takes it or not."""
    own = Letter.objects.visible_to(request.user).defer("text", "html")
    page = Paginator(own, PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "mail_goes_out": bool(settings.EMAIL_URL)}
    return render(request, "notices/letters.html", context)


def letter(request: PageRequest, pk: int) -> HttpResponse:
    """One letter as it was written."""
    own = get_object_or_404(Letter.objects.visible_to(request.user), pk=pk)
    return render(request, "notices/letter.html", {"letter": own})


@csrf_exempt
@login_not_required
@never_cache
def unsubscribe(request: PageRequest, token: str) -> HttpResponse:
    """Whoever holds a letter ends mail of its kinds: a POST by the mail program (RFC 8058), or the button on this page."""
    found = letters.letter_of(token)
    if found is None:
        raise Http404
    is_done = request.method == "POST"
    if is_done:
        letters.unsubscribe(found)
    context = {"labels": letters.labels(found.kinds, found.recipient), "is_done": is_done}
    return render(request, "notices/unsubscribe.html", context)


def _mark(request: PageRequest, asked: "QuerySet[Notice]") -> HttpResponse:
    act = chosen("act", request.POST.get("act"), ACTS, "read")
    numbers = map(whole_number, request.POST.getlist("notice")[: actions.MOST_AT_ONCE])
    ticked = Notice.objects.filter(pk__in=[number for number in numbers if number])
    if act == "all":
        changed = actions.mark_read(request.user, asked)
    elif act == "unread":
        changed = actions.mark_unread(request.user, ticked)
    else:
        changed = actions.mark_read(request.user, ticked)
    is_nothing_ticked = act != "all" and not request.POST.getlist("notice")
    text = f"Marked {quantity(changed, 'notice,notices')} as {'unread' if act == 'unread' else 'read'}."
    messages.info(request, "Tick the notices first." if is_nothing_ticked else text)
    query = request.GET.urlencode()
    return redirect(f"{reverse('notices:notices')}{'?' if query else ''}{query}")


def _channel_forms(request: PageRequest, sent: QueryDict | None) -> list[ChannelForm]:
    return [
        ChannelForm(sent, kind=row.kind, initial={"page": row.page, "mail": row.mail})
        for row in preferences.channels_of(request.user).values()
    ]


def _keep_channels(request: PageRequest, rows: list[ChannelForm]) -> bool:
    """Keep what differs; False when something cannot be taken."""
    if [form for form in rows if not form.is_valid()]:
        return False
    for form in rows:
        if form.has_changed():
            actions.prefer(request.user, form.kind.slug, **form.cleaned_data)
    return True
