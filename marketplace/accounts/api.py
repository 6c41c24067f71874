"""People in the REST API: who am I."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.response import Response

from marketplace.accounts.models import Team
from marketplace.accounts.resources import StrictParameters


class TeamRow(serializers.ModelSerializer):
    business_unit = serializers.CharField(source="business_unit.slug")

    class Meta:
        model = Team
        fields = ["slug", "name", "business_unit", "is_ai_team"]
        read_only_fields = fields


class Myself(serializers.Serializer):
    username = serializers.CharField()
    display_name = serializers.CharField()
    teams = TeamRow(many=True)
    roles = serializers.ListField(child=serializers.CharField())


class Me(StrictParameters, viewsets.ViewSet):
    """The person who asks: teams and marketplace roles, as they are now."""

    @extend_schema(responses=Myself, operation_id="me")
    def retrieve(self, request):
        user = request.user
        facts = {
            "teams": user.teams().select_related("business_unit"),
            "roles": sorted(user.roles()),
        }
        return Response(
            Myself({"username": user.username, "display_name": str(user), **facts}).data
        )
