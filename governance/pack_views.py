"""The evidence about a version as a file."""

from django.http import HttpResponse
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_version_or_404
from governance import evidence_pack
from marketplace.accounts.requests import PageRequest


@require_POST
def export(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Download the evidence pack; the record keeps who did."""
    version = get_visible_version_or_404(request, slug, number)
    return as_file(evidence_pack.export(request.user, version))


def as_file(pack: evidence_pack.EvidencePack) -> HttpResponse:
    """The answer that a browser, or a program, keeps as a file."""
    name = f'attachment; filename="{pack.name}"'
    return HttpResponse(
        pack.content, content_type="application/zip", headers={"Content-Disposition": name}
    )
