"""What every resource of the REST API does: read through visible_to, take what was sent, answer with a serializer.

A resource holds no rules. A custom move is an @action that calls its verb; business answers fly past, to lib.problems.
"""

from rest_framework import serializers, viewsets
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.response import Response

from marketplace.accounts.idempotency import once
from marketplace.lib.serializers import ProseField

SLUG = "[-a-zA-Z0-9_]+"
NUMBER = "[0-9]{1,18}"


class Resource(viewsets.GenericViewSet):
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

    def given(self, serializer_class, partial=False):
        """What was sent, checked. Raises ValidationError, also for fields that cannot be set here."""
        serializer = serializer_class(data=self.request.data, partial=partial, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        writable = {name for name, field in serializer.fields.items() if not field.read_only}
        unknown = {name: ["This cannot be set here."] for name in self.request.data if name not in writable}
        if unknown:
            raise serializers.ValidationError(unknown, code="unknown")
        return serializer.validated_data

    def answer(self, obj, status=200):
        """The object as it is now, in this resource's shape."""
        return Response(self.get_serializer(self.queryset.all().get(pk=obj.pk)).data, status=status)


class ReadableResource(ListModelMixin, RetrieveModelMixin, Resource):
    """A resource that can be listed and read."""


class Visible(serializers.SlugRelatedField):
    """A reference to something the person may see; to what they may not, it says that it does not exist."""

    def get_queryset(self):
        return super().get_queryset().visible_to(self.context["request"].user)


class Reason(serializers.Serializer):
    """A sentence for the record."""

    reason = ProseField(max_length=4000)


class OptionalReason(serializers.Serializer):
    """A sentence for the record, if there is one to say."""

    reason = ProseField(max_length=4000, required=False, allow_blank=True, default="")


class Nothing(serializers.Serializer):
    """An act that needs no words."""
