"""What every resource of the REST API does: read through visible_to, take what was sent, answer with a serializer.

A resource holds no rules. A custom move is an @action that calls its verb; business answers are handled by core.problem_json.
"""

from types import SimpleNamespace

from django.http import QueryDict
from django_filters import MultipleChoiceFilter
from rest_framework import serializers, viewsets
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.response import Response

from marketplace.accounts.idempotency import once
from marketplace.core.filters import Filters
from marketplace.core.serializers import WHOLE, ProseField, type_errors

SLUG = "[-a-zA-Z0-9_]+"
NUMBER = "[0-9]{1,18}"


class JSONOnly(DefaultContentNegotiation):
    """The Accept header alone chooses: `format` in a query is a parameter like any other."""

    settings = SimpleNamespace(URL_FORMAT_OVERRIDE=None)


class StrictParameters:
    """A view set that refuses query parameters it does not know, and those of one value that come twice."""

    content_negotiation_class = JSONOnly

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        known = self._parameters()
        wrong = {
            name: problem
            for name, values in request.query_params.lists()
            if (problem := _parameter_problem(name, values, known))
        }
        if wrong:
            raise serializers.ValidationError(wrong, code="unknown")

    def _parameters(self):
        """{name: may it come several times?} of what the action takes in the query."""
        if self.action != "list" or not hasattr(self, "paginator"):
            return {}
        paging = (
            {
                parameter["name"]: False
                for parameter in self.paginator.get_schema_operation_parameters(self)
            }
            if self.paginator
            else {}
        )
        filters = Filters().get_filterset_class(self, self.queryset)
        return paging | {
            name: isinstance(kind, MultipleChoiceFilter)
            for name, kind in (filters.base_filters if filters else {}).items()
        }


def _parameter_problem(name, values, known):
    if name not in known:
        return [
            f"There is no such parameter here. There are: {', '.join(known)}."
            if known
            else "No parameter is taken here."
        ]
    return ["It may be given once."] if len(values) > 1 and not known[name] else None


class Resource(StrictParameters, viewsets.GenericViewSet):
    """`queryset` has `visible_to` and the joins its serializer needs."""

    lookup_value_regex = NUMBER

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.queryset.none()
        return self.queryset.all().visible_to(self.request.user)

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if request.method == "POST" and hasattr(self, "post"):
            self.post = once(self.post)

    def given(self, serializer_class, partial=False, data=None):
        """What was sent, checked: the body, or `data` out of it. Raises ValidationError, also for fields that cannot be set here."""
        data = self.request.data if data is None else data
        return checked(
            serializer_class(data=data, partial=partial, context=self.get_serializer_context())
        )

    def answer(self, obj, status=200):
        """The object as it is now, in this resource's shape."""
        return Response(self.get_serializer(self.queryset.all().get(pk=obj.pk)).data, status=status)


def checked(serializer):
    """The data of a serializer that was given some, also outside a request. Raises ValidationError, as `Resource.given`."""
    data = serializer.initial_data
    _require_types(serializer, data)
    serializer.is_valid(raise_exception=True)
    writable = {name for name, field in serializer.fields.items() if not field.read_only}
    unknown = {name: ["This cannot be set here."] for name in data if name not in writable}
    if unknown:
        raise serializers.ValidationError(unknown, code="unknown")
    return serializer.validated_data


def _require_types(serializer, data):
    """Forms (QueryDict) have texts only; documents have the types that the contract names."""
    if data is None:
        raise serializers.ValidationError({WHOLE: ["Send an object."]}, code="type")
    wrong = {} if isinstance(data, QueryDict) else dict(type_errors(serializer, data))
    if not wrong:
        return
    errors = {path: [sentence] for path, sentence in wrong.items()}
    if WHOLE not in wrong and not serializer.is_valid():  # everything that is wrong, at once
        named = {path.partition(".")[0] for path in wrong}
        errors |= {name: said for name, said in serializer.errors.items() if name not in named}
    raise serializers.ValidationError(errors, code="type")


def one_or_nothing(serializer_class, row):
    """The row in its shape, or 204 when there is none yet."""
    return Response(status=204) if row is None else Response(serializer_class(row).data)


class ReadableResource(ListModelMixin, RetrieveModelMixin, Resource):
    """A resource that can be listed and read."""


class Visible(serializers.SlugRelatedField):
    """A reference to something the person may see; to what they may not, it says that it does not exist."""

    def get_queryset(self):
        return super().get_queryset().visible_to(self.context["request"].user)

    def to_internal_value(self, data):
        is_number = isinstance(data, int) and not isinstance(data, bool)
        if is_number != (self.slug_field == "id"):
            self.fail("invalid")
        return super().to_internal_value(data)


class Reason(serializers.Serializer):
    """A sentence for the record."""

    reason = ProseField(max_length=4000)


class OptionalReason(serializers.Serializer):
    """A sentence for the record, if there is one to say."""

    reason = ProseField(max_length=4000, required=False, allow_blank=True, default="")


class Nothing(serializers.Serializer):
    """An act that needs no words."""
