"""The evidence about a version in the REST API."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer

from catalog.models import ModelVersion
from catalog.pages import get_visible_version_or_404
from governance import evidence_pack
from governance.pack_views import as_file
from marketplace.accounts.requests import PageRequest
from marketplace.accounts.resources import Resource


class Zip(BaseRenderer):
    """Lets a program ask for application/zip; the archive is bytes already."""

    media_type = "application/zip"
    format = "zip"
    charset = None
    render_style = "binary"

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return data


class EvidencePacks(Resource):
    """What is known about a version, as one archive that verifies offline."""

    queryset = ModelVersion.objects.all()
    pagination_class = None
    filterset_class = None
    renderer_classes = [JSONRenderer, Zip]  # problems are JSON

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY})
    def list(self, request: PageRequest, slug: str, number: str) -> HttpResponse:
        """Download the evidence pack of a version that was submitted; the record keeps who did."""
        version = get_visible_version_or_404(request, slug, number)
        return as_file(evidence_pack.export(request.user, version))
