"""The disk fills up: test calls stop, then uploads, then production; nothing is answered unrecorded, and all comes back by itself."""

import errno
import os
from contextlib import suppress
from types import SimpleNamespace

import pytest
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog.models import stored_as
from consumption.metering import usage_journal
from consumption.models import Application, UsageEvent
from marketplace.core import disk_space
from marketplace.core.disk_space import MIB, DiskSpace
from marketplace.operations import summary
from publishing import bodies
from publishing.storage import store
from tests import factories
from tests.gateway import Load, infer_path, subscriber, until
from tests.publishing.specimens import onnx_bytes

pytestmark = pytest.mark.fault("F15")
WHO = (1, 2, 3, 4, 5, 6)


def problem(answer):
    status, headers, body = answer
    return status, headers.get("content-type"), body.decode()


def fill(folder, leave):
    """Take up the disk of `folder` until about `leave` bytes are left; `None` gives it all back."""
    ballast = folder / "ballast"
    ballast.unlink(missing_ok=True)
    if leave is None:
        return
    about = os.statvfs(folder)
    with open(ballast, "wb") as file, suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, about.f_bavail * about.f_frsize - leave)


def torn_slots(folder):
    """Slots whose marker says written and whose checksum says otherwise."""
    return sum(
        torn(usage_journal.SegmentReader(path))
        for path in [*folder.glob("*.segment"), *folder.glob("shipped/*.segment")]
    )


def torn(reader):
    used, view = reader._used(usage_journal.SLOTS), reader._view
    whole = len(reader.finished(usage_journal.SLOTS))
    ends = sum(
        bool(view[usage_journal.HEADER + slot * usage_journal.SLOT + usage_journal._END_AT])
        for slot in range(used)
    )
    bad = sum(reader._start(slot) is None for slot in range(used)) + ends - whole
    reader.close()
    return bad


# What the figures mean


@pytest.mark.parametrize(
    ("free", "stopped"),
    [
        (1000, []),
        (999, ["test calls"]),
        (749, ["test calls", "uploads"]),
        (499, ["test calls", "uploads", "calls"]),
    ],
)
def test_sandbox_stops_first_then_uploads_then_calls(free, stopped):
    space = DiskSpace(free, 1000)
    said = {
        "test calls": space.stops_test_calls,
        "uploads": space.stops_uploads,
        "calls": space.stops_calls,
    }
    assert [name for name, stops in said.items() if stops] == stopped


@pytest.mark.parametrize(("size_gib", "reserve_mib"), [(1, 1024), (100, 5120), (2000, 8192)])
def test_the_reserve_is_five_percent_or_a_gibibyte_and_has_a_top(
    size_gib, reserve_mib, monkeypatch, tmp_path
):
    disk = SimpleNamespace(f_frsize=MIB, f_blocks=size_gib * 1024, f_bavail=1)
    monkeypatch.setattr(os, "statvfs", lambda folder: disk)
    assert disk_space.measure(tmp_path).reserve == reserve_mib * MIB


# Uploads


@pytest.fixture
def draft(db):
    return factories.publishing.start_version(factories.alice(), factories.model(), "1.0.0")


@pytest.fixture
def nearly_full(settings):
    """All that is free space is less than what should be."""
    settings.DISK_RESERVE_MIB = settings.DISK_RESERVE_MOST_MIB = 1 << 30
    return settings


@pytest.mark.parametrize("size", [100, 2 * bodies.SMALL], ids=["small", "large"])
def test_the_page_says_507_and_the_draft_is_as_it_was(client, draft, nearly_full, size):
    client.force_login(factories.alice())
    page = reverse("publishing:package", args=[draft.model.slug, draft.number])
    package = SimpleUploadedFile("income.onnx", onnx_bytes() + bytes(size))
    answer = client.post(page, {"file": package}, headers={"Referer": f"http://testserver{page}"})
    assert (
        answer.status_code == 507
        and "nearly full" in answer.content.decode()
        and "the operators" in answer.content.decode()
    )
    draft.refresh_from_db()
    assert draft.state == "draft" and not draft.artifacts.exists()
    nearly_full.DISK_RESERVE_MIB = nearly_full.DISK_RESERVE_MOST_MIB = 0
    assert (
        client.post(page, {"file": SimpleUploadedFile("income.onnx", onnx_bytes())}).status_code
        == 302
    ), "and then it is taken"


@pytest.mark.parametrize("size", [100, 2 * bodies.SMALL], ids=["small", "large"])
def test_the_api_says_507_as_a_problem(client, draft, nearly_full, size):
    client.force_login(factories.alice())
    package = SimpleUploadedFile("income.onnx", onnx_bytes() + bytes(size))
    answer = client.post(f"/api/v1/versions/{draft.pk}/artifacts/", {"file": package})
    assert (answer.status_code, answer.headers["Content-Type"]) == (507, "application/problem+json")
    said = answer.json()
    assert (
        said["type"] == "/docs/problems/insufficient-storage"
        and said["remedy"] == "Upload it again later."
        and "operators" in said["ask"]
    )
    assert client.get("/docs/problems/insufficient-storage").status_code == 200
    assert not draft.artifacts.exists()


def test_a_disk_that_fills_up_while_the_package_is_kept_leaves_no_half_of_it(
    client, draft, monkeypatch, injected_faults
):
    kept = storages["artifacts"]
    save = kept._save

    def half(name, content):
        save(name, type(content)(SimpleUploadedFile("half", content.read(10))))
        injected_faults.add()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(kept), "_save", lambda _, name, content: half(name, content))
    client.force_login(factories.alice())
    page = reverse("publishing:package", args=[draft.model.slug, draft.number])
    answer = client.post(page, {"file": SimpleUploadedFile("income.onnx", onnx_bytes())})
    assert answer.status_code == 507 and not draft.artifacts.exists()
    monkeypatch.undo()
    assert (
        client.post(page, {"file": SimpleUploadedFile("income.onnx", onnx_bytes())}).status_code
        == 302
    )
    [artifact] = draft.artifacts.all()
    assert kept.size(stored_as(artifact.sha256)) == artifact.size == len(onnx_bytes())


def test_what_a_kill_left_half_written_is_written_anew(draft, tmp_path):
    whole = tmp_path / "whole"
    whole.write_bytes(b"all of it")
    file = type("File", (), {"sha256": "ab" * 32, "size": 9, "path": whole})
    name = store(file)
    with open(storages["artifacts"].path(name), "wb") as cut:
        cut.write(b"all")
    assert storages["artifacts"].open(store(file)).read() == b"all of it"


# The journal


def test_a_full_disk_tears_no_record_and_takes_no_call_that_it_cannot_record(
    small_disk, injected_faults
):
    folder = small_disk(9)
    journal = usage_journal.UsageJournal(folder)
    begun = ended = 0
    with pytest.raises(usage_journal.JournalFull):
        while True:
            ticket = journal.start(begun, WHO, 1, 0)
            begun += 1
            if begun <= usage_journal.SLOTS or begun % 7:
                journal.end(ticket, 1, 1, 1, 200, usage_journal.OK)
                ended += 1
    injected_faults.add()
    assert begun == 2 * usage_journal.SLOTS, "two segments fit"
    readers = [usage_journal.SegmentReader(path) for path in usage_journal.segments(folder)]
    assert sum(len(reader.finished(usage_journal.SLOTS)) for reader in readers) == ended
    assert torn_slots(folder) == 0
    for reader in readers:
        reader.close()
    readers[0].path.unlink()
    journal.sync()  # as every 50 ms; until then the writer has it open
    assert journal.start(begun, WHO, 1, 0), "a segment that was shipped makes room for the next"


def environments(billing):
    """A version with a subscription of a production and one of a test application: (path, key of prod, key of test)."""
    version = billing.version()
    subscription, prod = subscriber(version)
    test_subscription, test = subscriber(version)
    Application.objects.filter(pk=test_subscription.application_id).update(environment="test")
    return infer_path(version), prod, test, (subscription.pk, test_subscription.pk)


@pytest.mark.slow
def test_calls_stop_in_order_on_a_small_disk_and_go_on_when_there_is_room(
    billing, small_disk, monkeypatch, settings, tmp_path, client, injected_faults
):
    folder = small_disk(64)
    settings.USAGE_JOURNAL_DIR = settings.ARTIFACT_ROOT = settings.QUARANTINE_ROOT = folder
    settings.DISK_RESERVE_MIB = 16
    monkeypatch.setenv("DISK_RESERVE_MIB", "16")
    path, prod, test, subscriptions = environments(billing)
    with billing.new_gateway(folder) as gateway:
        until(lambda: gateway.infer(path, test)[0] == 200)
        load = Load(gateway, path, prod, tmp_path, seconds=12, rate=100)

        fill(folder, 14 * MIB)
        until(lambda: gateway.infer(path, test)[0] == 503, 5)
        status, kind, said = problem(gateway.infer(path, test))
        assert (status, kind) == (
            503,
            "application/problem+json",
        ) and "/docs/problems/disk-full" in said
        assert gateway.infer(path, prod)[0] == 200
        assert [(space.stops_test_calls, space.stops_uploads) for _, space in summary.disks()] == [
            (True, False)
        ]

        fill(folder, 10 * MIB)
        assert disk_space.measure(folder).stops_uploads and gateway.infer(path, prod)[0] == 200
        client.force_login(factories.alice())
        draft = factories.publishing.start_version(
            factories.alice(), factories.model(name="For the full disk"), "1.0.0"
        )
        package = SimpleUploadedFile("income.onnx", onnx_bytes())
        assert (
            client.post(f"/api/v1/versions/{draft.pk}/artifacts/", {"file": package}).status_code
            == 507
        )

        fill(folder, 6 * MIB)
        until(lambda: gateway.infer(path, prod)[0] == 503, 5)
        fill(folder, 0)
        injected_faults.add(sum(gateway.infer(path, key)[0] == 503 for key in (prod, test)))
        assert injected_faults.count == 2 and [
            space.stops_calls for _, space in summary.disks()
        ] == [True]

        fill(folder, None)
        until(lambda: gateway.infer(path, prod)[0] == gateway.infer(path, test)[0] == 200, 5)
        said = load.result()
        assert (
            set(said["statuses"]) <= {"200", "503"}
            and said["statuses"]["503"] > 0
            and not said["errors"]
        )
        rows = UsageEvent.objects.filter(subscription_id__in=subscriptions)
        acknowledged = set(said["acknowledged"])
        until(
            lambda: acknowledged <= {pk.hex for pk in rows.values_list("pk", flat=True)},
            20,
            gateway.said,
        )
        assert torn_slots(folder / "journal") == 0


@pytest.mark.slow
def test_a_gateway_that_starts_on_a_full_disk_answers_503_until_there_is_room(
    billing, small_disk, monkeypatch, injected_faults
):
    """The reserve is off, so that it meets the end of the disk itself."""
    monkeypatch.setenv("DISK_RESERVE_MIB", "0")
    monkeypatch.setenv("DISK_RESERVE_PERCENT", "0")
    folder = small_disk(16)
    path, prod, test, subscriptions = environments(billing)
    fill(folder, MIB)
    with billing.new_gateway(folder) as gateway:
        until(lambda: gateway.infer(path, prod)[0] == 503)
        assert "/docs/problems/disk-full" in gateway.infer(path, prod)[2].decode()
        injected_faults.add()
        fill(folder, None)
        status, headers, _ = gateway.infer(path, prod)
        assert status == 200
        until(
            lambda: UsageEvent.objects.filter(pk=headers["x-request-id"], outcome="ok").exists(),
            10,
            gateway.said,
        )
    assert UsageEvent.objects.filter(subscription_id__in=subscriptions).count() == 1


@pytest.mark.parametrize(
    ("times", "prod_status"),
    [
        pytest.param(1.5, 200, id="test calls stop", marks=pytest.mark.slow),
        pytest.param(3, 503, id="all calls stop"),
    ],
)
def test_the_reserve_alone_stops_calls(
    billing, tmp_path, monkeypatch, injected_faults, times, prod_status
):
    """The same without a disk of one's own: the reserve is set above what is free."""
    monkeypatch.setenv(
        "DISK_RESERVE_MIB", str(int(disk_space.measure(tmp_path).free / MIB * times))
    )
    monkeypatch.setenv("DISK_RESERVE_MOST_MIB", str(1 << 30))
    path, prod, test, subscriptions = environments(billing)
    with billing.new_gateway(tmp_path / "gateway") as gateway:
        until(lambda: gateway.infer(path, test)[0] == 503)
        injected_faults.add()
        assert gateway.infer(path, prod)[0] == prod_status
        until(lambda: gateway.count("environments_open") == (1 if prod_status == 200 else 0))
    assert UsageEvent.objects.filter(subscription_id__in=subscriptions).count() == (
        prod_status == 200
    )


def test_a_low_disk_is_a_alert_on_the_operations_page(client, db, nearly_full, tmp_path):
    nearly_full.USAGE_JOURNAL_DIR = tmp_path / "not yet made"
    client.force_login(factories.otto())
    assert (
        "The disk of the journal" in client.get(reverse("operations:operations")).content.decode()
    )
