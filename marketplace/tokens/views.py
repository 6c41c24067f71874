"""Pages of tokens: made, listed, ended."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from marketplace.accounts.requests import PageRequest
from marketplace.core.forms import show, show_once, submitted
from marketplace.tokens import actions
from marketplace.tokens.forms import TokenForm
from marketplace.tokens.models import ApiToken

PAGE = 30


@never_cache
def tokens(request: PageRequest) -> HttpResponse:
    """One's own tokens and those of one's teams; posting makes one, whose text is in that answer only."""
    form = TokenForm(request.POST or None, user=request.user)
    done, made = submitted(request, form, lambda **data: actions.make_token(request.user, **data))
    if done:
        token, text = made
        return show_once(request, "tokens/made.html", {"token": token, "text": text})
    listed = ApiToken.objects.visible_to(request.user).for_list()
    page = Paginator(listed, PAGE).get_page(request.GET.get("page"))
    return show(request, "tokens/tokens.html", form, page_obj=page)


@require_POST
def revoke(request: PageRequest, kid: str) -> HttpResponse:
    token = get_object_or_404(ApiToken.objects.visible_to(request.user).for_list(), kid=kid)
    actions.revoke_token(request.user, token, request.POST.get("reason", ""))
    messages.success(request, f"{token} no longer works.")
    return redirect("tokens:tokens")
