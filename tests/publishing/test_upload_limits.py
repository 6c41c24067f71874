"""How much a body may have, by its address and by who sends it; quotas of packages. Issue 8, line 2."""

import tempfile
from datetime import timedelta
from itertools import product

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from catalog.models import Artifact
from marketplace.core.errors import QuotaFull
from publishing import bodies, uploads
from publishing.models import Upload
from tests import factories
from tests.publishing.specimens import onnx_bytes
from tests.tiers import only

pytestmark = pytest.mark.django_db
KIB = 1024


@pytest.fixture(autouse=True)
def incoming(settings, tmp_path, monkeypatch):
    """Where files of forms would be written; `settings` with few bytes to spend."""
    folder = tmp_path / "incoming"
    folder.mkdir()
    settings.FILE_UPLOAD_TEMP_DIR = str(folder)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def draft():
    return factories.publishing.start_version(factories.alice(), factories.model(), "1.0.0")


@pytest.fixture
def alice(client):
    client.force_login(factories.alice())
    return client


def addresses(draft):
    """Both endpoints for a package."""
    return [
        reverse(bodies.PAGE, args=[draft.model.slug, draft.number]),
        reverse(bodies.API, args=[draft.pk]),
    ]


def send(client, address, size=None):
    data = onnx_bytes() if size is None else b"x" * size
    return client.post(address, {"file": SimpleUploadedFile("income.onnx", data)})


def said(answer):
    """(field, limit, remedy) of a problem; of a page the text."""
    if answer["Content-Type"].startswith("application/problem+json"):
        problem = answer.json()
        return problem.get("field"), problem.get("limit"), problem.get("remedy")
    return answer.content.decode()


def kept(address):
    """An open Upload of somebody, as if it were on its way."""
    return Upload.objects.create(
        **address, server="elsewhere", expires_at=timezone.now() + timedelta(hours=1)
    )


SIZES = [(10 * KIB, True), (70 * KIB, False), (2000 * KIB, False)]


@pytest.mark.parametrize(("size", "is_taken"), SIZES)
@pytest.mark.parametrize(
    "kind",
    [
        "multipart/form-data; boundary=b",
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
    ],
)
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/", "/api/v1/models/", "/admin/login/", "/nowhere/"]
)
def test_anybody_sends_little(client, incoming, path, kind, size, is_taken):
    answer = client.generic("POST", path, b"x" * size, content_type=kind)
    assert (answer.status_code != 413) == is_taken
    assert list(incoming.iterdir()) == []


def test_a_signed_report_of_leaked_keys_may_be_larger(client):
    answer = client.generic(
        "POST", "/security/leaked-keys", b"x" * 500 * KIB, content_type="text/plain"
    )
    assert answer.status_code == 401, "it was read, and not signed"
    assert (
        client.generic(
            "POST", "/security/leaked-keys", b"x" * 1100 * KIB, content_type="text/plain"
        ).status_code
        == 413
    )


@pytest.mark.parametrize(
    ("size", "is_taken"), [(70 * KIB, True), (1000 * KIB, True), (1100 * KIB, False)]
)
@pytest.mark.parametrize("path", ["/access/", "/api/v1/applications/"])
def test_people_who_are_signed_in_send_up_to_a_mebibyte(alice, path, size, is_taken):
    answer = alice.generic("POST", path, b"x" * size, content_type="application/json")
    assert (answer.status_code != 413) == is_taken
    if not is_taken and path.startswith("/api/"):
        assert said(answer)[1:] == (
            1024 * KIB,
            "Send less at a time; packages go to the package step of a version.",
        )


def test_a_page_that_rejects_a_large_form_says_why_in_its_heading(alice):
    answer = alice.post("/access/", {"purpose": "x" * 1100 * KIB})
    assert answer.status_code == 413
    heading = answer.content.decode().partition("<h1>")[2].partition("</h1>")[0]
    assert heading.strip() == "The request is too large"


def test_files_are_written_for_an_upload_only(alice, client, draft, incoming, monkeypatch):
    """A form that takes no file leaves none on disk, not even for a moment."""
    written = []
    monkeypatch.setattr(
        "django.core.files.uploadedfile.TemporaryUploadedFile.__init__",
        lambda *_, **__: written.append(1),
    )
    for path in (
        "/accounts/login/",
        "/access/",
        "/api/v1/applications/",
        reverse("publishing:register"),
    ):
        alice.post(path, {"file": SimpleUploadedFile("a.bin", b"x" * KIB)})
    client.logout()
    for address in addresses(draft):
        assert send(client, address).status_code in (302, 401)
    assert written == [] and list(incoming.iterdir()) == []


@pytest.mark.parametrize("endpoint", [0, 1], ids=["page", "api"])
def test_who_may_not_edit_the_version_uploads_nothing(client, draft, incoming, endpoint):
    """A stranger does not learn of the draft; who sees it and is not on its team is told who may."""
    client.force_login(factories.charlie())
    assert send(client, addresses(draft)[endpoint]).status_code in (403, 404)
    assert Upload.objects.count() == 0 and list(incoming.iterdir()) == []


@pytest.mark.parametrize("endpoint", [0, 1], ids=["page", "api"])
def test_a_package_has_a_largest_size(alice, draft, settings, endpoint):
    settings.UPLOAD_MAX_BYTES = 10 * KIB
    answer = send(alice, addresses(draft)[endpoint], 100 * KIB)
    assert answer.status_code == 413
    assert "at most 10.0" in answer.content.decode()
    if endpoint:
        assert said(answer)[:2] == ("file", 10 * KIB) and said(answer)[2]


@pytest.mark.parametrize("endpoint", [0, 1], ids=["page", "api"])
@pytest.mark.parametrize("whose", ["UPLOADS_PER_PERSON", "UPLOADS_PER_TEAM"])
def test_so_many_uploads_at_once(alice, draft, settings, whose, endpoint):
    setattr(settings, whose, 1)
    other = {
        "by": factories.alice() if "PERSON" in whose else factories.bob(),
        "team": draft.model.owner_team,
        "size": 1,
    }
    first = kept(other)
    answer = send(alice, addresses(draft)[endpoint])
    assert answer.status_code == 429 and answer["Retry-After"]
    if endpoint:
        assert said(answer)[:2] == ("file", 1)
    first.delete()
    assert send(alice, addresses(draft)[endpoint]).status_code in (201, 302)
    assert Upload.objects.count() == 0, "its place is given back"


@pytest.mark.parametrize(
    ("whose", "endpoint"),
    only(
        product(("UPLOAD_PERSON_BYTES", "UPLOAD_TEAM_BYTES"), (0, 1)),
        ("UPLOAD_PERSON_BYTES", 0),
        ("UPLOAD_TEAM_BYTES", 1),
    ),
)
def test_so_many_bytes_are_kept(alice, draft, settings, whose, endpoint):
    """What is on its way counts too; what the upload replaces does not."""
    setattr(settings, whose, 50 * KIB)
    assert send(alice, addresses(draft)[endpoint]).status_code in (201, 302)
    by = factories.alice() if "PERSON" in whose else factories.bob()
    other = factories.publishing.start_version(
        factories.alice(), factories.model(name="Another"), "1.0.0"
    )
    Artifact.objects.create(version=other, name="a", size=30 * KIB, sha256="0" * 64, uploaded_by=by)
    coming = kept({"by": by, "team": draft.model.owner_team, "size": 20 * KIB})
    answer = send(alice, addresses(draft)[endpoint])
    assert answer.status_code == 507
    if endpoint:
        assert said(answer)[:2] == ("file", 50 * KIB) and "Replace drafts" in said(answer)[2]
    coming.delete()
    assert send(alice, addresses(draft)[endpoint]).status_code in (201, 302)


def test_what_an_archive_holds_counts_not_what_it_weighs(draft, settings, tmp_path):
    """The verb asks again when it knows the files: a small archive may hold much."""
    package = tmp_path / "income.onnx"
    package.write_bytes(onnx_bytes())
    settings.UPLOAD_TEAM_BYTES = package.stat().st_size - 1
    with pytest.raises(QuotaFull):
        factories.publishing.upload(factories.alice(), draft, package, "income.onnx")
    assert not draft.artifacts.exists()


def test_a_place_that_outlived_its_process_is_given_back(draft):
    about = {"by": factories.alice(), "team": draft.model.owner_team, "size": 1}
    Upload.objects.create(
        **about, server=uploads.here(), expires_at=timezone.now() + timedelta(hours=1)
    )
    Upload.objects.create(
        **about, server="elsewhere", expires_at=timezone.now() - timedelta(seconds=1)
    )
    other = kept(about)
    assert uploads.forget_those_of_this_server() == 2
    assert list(Upload.objects.all()) == [other]


def _refused_by_size(settings, draft):
    settings.UPLOAD_MAX_BYTES = KIB


def _refused_by_number(settings, draft):
    settings.UPLOADS_PER_PERSON = 1
    kept({"by": factories.alice(), "team": draft.model.owner_team, "size": 1})


def _refused_by_quota(settings, draft):
    settings.UPLOAD_TEAM_BYTES = 1


REFUSALS = {
    413: (_refused_by_size, "A package has at most"),
    429: (_refused_by_number, "Wait until one of them has ended"),
    507: (_refused_by_quota, "Replace drafts that are no longer needed"),
}


@pytest.mark.parametrize(
    ("status", "refuse", "sentence"),
    [(status, *rest) for status, rest in REFUSALS.items()],
    ids=map(str, REFUSALS),
)
def test_a_refused_upload_comes_back_on_its_form(alice, draft, settings, status, refuse, sentence):
    """The person is still at the step, with the reason above the file and the endpoint as it was."""
    draft.external_url = "https://models.example.com/income"
    draft.save()
    refuse(settings, draft)
    answer = send(alice, addresses(draft)[0], 100 * KIB)
    page = answer.content.decode()
    assert answer.status_code == status
    region = page.partition('id="package-refusal"')[2].partition('id="field-file"')[0]
    assert "The package was not taken." in region and sentence in region
    assert 'id="package-form"' in page and draft.external_url in page
    assert Upload.objects.filter(server=uploads.here()).count() == 0


def test_the_form_says_how_large_a_package_may_be_before_one_is_sent(alice, draft, settings):
    settings.UPLOAD_MAX_BYTES = 3 * KIB
    page = alice.get(addresses(draft)[0]).content.decode()
    assert "js/upload.js" in page and 'data-max-bytes="3072"' in page
    assert page.count("A package has at most 3.0") == 2


def test_an_upload_by_htmx_goes_on_to_the_next_page(alice, draft, client):
    """The browser is told where to go; so is a person whose session has ended."""
    package = {"file": SimpleUploadedFile("income.onnx", onnx_bytes())}
    answer = alice.post(addresses(draft)[0], package, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse(
        "publishing:interface", args=[draft.model.slug, draft.number]
    )
    client.logout()
    package = {"file": SimpleUploadedFile("income.onnx", onnx_bytes())}
    answer = client.post(addresses(draft)[0], package, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"].startswith("/accounts/login/?next=")
