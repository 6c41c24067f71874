"""How a form page works: show, or run the verb; a refused verb comes back on the form with what was typed."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from marketplace.core import json_reader, text
from marketplace.core.errors import NotAllowed, RuleError
from marketplace.core.links import Link


class LineField(forms.CharField):
    """One line of text, composed (NFC), without characters that cannot be seen (docs/names.md)."""

    default_validators = [text.one_line]

    def to_python(self, value: Any) -> str:
        return text.composed(super().to_python(value) or "")


class JSONField(forms.JSONField):
    """JSON in a text area, read as the API reads its bodies."""

    def to_python(self, value: Any) -> Any:
        if self.disabled or value in self.empty_values or not isinstance(value, str):
            return super().to_python(value)
        try:
            return json_reader.read(value)
        except json_reader.Malformed as error:
            raise forms.ValidationError(str(error), code="invalid") from None
        except json_reader.Unusable as error:
            raise forms.ValidationError(
                f"{error.path}: {error.message}" if error.path else error.message, code="invalid"
            ) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """What was typed is shown again as it was typed."""
        return (
            forms.fields.InvalidJSONInput(data)
            if isinstance(data, str)
            else super().bound_data(data, initial)
        )


class Submittable(Protocol):
    """What `submitted` asks of a form: a Django form, or a table of them."""

    @property
    def fields(self) -> Mapping[str, Any]: ...

    @property
    def cleaned_data(self) -> dict[str, Any]: ...

    def is_valid(self) -> bool: ...

    def add_error(self, field: str | None, error: Any, /) -> None: ...


def submitted(
    request: HttpRequest, form: Submittable, verb: Callable[..., Any]
) -> tuple[bool, Any]:
    """Run `verb(**cleaned_data)` when the form was posted and is well-formed.

    Returns (done, result). A RuleError lands on its field (or on top of the form) and done is False.
    """
    if request.method != "POST" or not form.is_valid():
        return False, None
    try:
        return True, verb(**form.cleaned_data)
    except NotAllowed:
        raise
    except RuleError as problem:
        form.add_error(problem.field if problem.field in form.fields else None, problem.sentences)
        return False, None


class ShownOnce(HttpResponse):
    """An answer with a secret in it: nobody is shown it again."""


def show_once(request: HttpRequest, template: str, context: dict[str, Any]) -> ShownOnce:
    """Render the page after an act that made a secret."""
    return ShownOnce(render_to_string(template, context, request))


def show(request: HttpRequest, template: str, form: forms.BaseForm, **context: Any) -> HttpResponse:
    """Render a form page; 422 when what was sent could not be taken."""
    status = 422 if request.method == "POST" else 200
    return render(request, template, {"form": form, **context}, status=status)


def show_page(
    request: HttpRequest,
    form: forms.BaseForm,
    *,
    title: str,
    act: str,
    back: str,
    lead: str = "",
    trail: Sequence[Link] = (),
) -> HttpResponse:
    """A page of one form. act: what its button says; back: where Cancel leads."""
    words = {"title": title, "lead": lead, "act": act, "back": back, "trail": trail}
    return show(request, "form_page.html", form, **words)
