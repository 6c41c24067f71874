"""The evidence about a version as a file."""

import json

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_POST

from catalog.pages import get_visible_version_or_404
from governance import evidence_pack, hf_card, ml_bom
from marketplace.accounts.requests import PageRequest
from marketplace.tokens.authentication import for_programs


@require_POST
def export(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """Download the evidence pack; the record keeps who did."""
    version = get_visible_version_or_404(request, slug, number)
    return as_file(evidence_pack.export(request.user, version))


@for_programs
def card_readme(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The card as a Hugging Face README."""
    version = get_visible_version_or_404(request, slug, number)
    content = hf_card.readme(version, evidence_pack.present_evaluations(version))
    return _download(content, "text/markdown; charset=utf-8", "README.md")


@for_programs
def card_bom(request: PageRequest, slug: str, number: str) -> HttpResponse:
    """The card as a CycloneDX bill of materials; a draft's files are not settled, so that it has none."""
    version = get_visible_version_or_404(request, slug, number)
    if "entry" not in version.manifest or "files" not in version.manifest:
        raise Http404
    bom = ml_bom.bill_of_materials(version, evidence_pack.present_evaluations(version))
    return _download(json.dumps(bom, indent=2), "application/vnd.cyclonedx+json", "bom.cdx.json")


def _download(content: str, media_type: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        content, content_type=media_type, headers={"Content-Disposition": disposition}
    )


def as_file(pack: evidence_pack.EvidencePack) -> HttpResponse:
    """The answer that a browser, or a program, keeps as a file."""
    name = f'attachment; filename="{pack.name}"'
    return HttpResponse(
        pack.content, content_type="application/zip", headers={"Content-Disposition": name}
    )
