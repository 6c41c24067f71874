"""Coming in: the sign-in page's demo buttons."""

from allauth.account.views import LoginView, PasswordResetDoneView
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from marketplace.accounts import sign_in
from marketplace.accounts.adapter import TOO_MANY_TRIES
from marketplace.accounts.models import DemoLogin, User

LOOPBACK = ("127.0.0.1", "::1")


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    """allauth's sign-in, throttled, with one button per demo person in demo mode on this machine."""

    def form_valid(self, form):
        """A browser in which somebody signed in is known from then on: a siege of the account does not slow it down."""
        answer = super().form_valid(form)
        if self.request.user.is_authenticated:
            sign_in.remember_browser(answer, self.request.user)
        return answer

    def form_invalid(self, form):
        """429 to who has to wait, so that a program notices it too."""
        answer = super().form_invalid(form)
        if form.has_error("__all__", code=TOO_MANY_TRIES):
            answer.status_code = 429
        return answer

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        if is_demo(self.request):
            context["demo_logins"] = [demo.as_button() for demo in DemoLogin.objects.for_page()]
            context["demo_login_url"] = reverse("accounts:demo_login")
        return context


@method_decorator(login_not_required, name="dispatch")
class LetterSent(PasswordResetDoneView):
    """Where the letter with the link is: on its way, or in a file of the portal's machine when no mail server is set up."""

    def get_context_data(self, **kwargs):
        return super().get_context_data(**kwargs) | {"mail_goes_out": bool(settings.EMAIL_URL)}


@login_not_required
@require_POST
def demo_login(request):
    """Come in as a demo person; exists only in demo mode on loopback."""
    person = User.objects.filter(
        username=request.POST.get("username"), demo_login__isnull=False, is_active=True
    ).first()
    if not is_demo(request) or person is None:
        raise Http404
    login(request, person, backend="django.contrib.auth.backends.ModelBackend")
    target = request.POST.get("next", "")
    return redirect(
        target if url_has_allowed_host_and_scheme(target, {request.get_host()}) else reverse("home")
    )


def is_demo(request):
    """Demo mode, and asked from this machine."""
    return settings.DEMO_MODE and request.META.get("REMOTE_ADDR") in LOOPBACK
