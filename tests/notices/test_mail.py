"""Mail: by real SMTP, or as files; what comes when, one letter for one occasion, and no more of it on request."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.conf import settings as project
from django.test import Client
from django.utils import timezone

from marketplace.notices import letters
from marketplace.notices.actions import mark_read, notify, prefer, set_times
from marketplace.notices.models import Letter, Notice
from marketplace.notices.preferences import channels_for
from marketplace.operations import summary
from tests import factories
from tests.notices import mail_server

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
END = {"kind": "version.deprecated", "key": "version.deprecated:1"}


@pytest.fixture
def maya():
    person = factories.maya()
    person.email = "maya@company.example"
    person.save()
    return person


@pytest.fixture
def server(settings):
    with mail_server.running() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield server


@pytest.fixture
def at(monkeypatch):
    """Sets the clock."""

    def at(moment):
        monkeypatch.setattr(timezone, "now", lambda: moment)

    at(MONDAY)
    return at


def told(person, kind, key, title="Income verification 1.0.0 ends", **facts):
    notify([person], kind, title, key=key, body="Move before.", url="/access/", **facts)


def sweep():
    letters.compose()
    return letters.send_due()


def test_a_letter_goes_out_by_smtp_as_text_and_html_with_one_click_to_stop_it(maya, server):
    told(maya, **END)
    assert sweep() == 1 and sweep() == 0
    [message] = server.taken
    assert message["To"] == "maya@company.example" and "ends" in message["Subject"]
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_body(["plain"]).get_content()
    html = message.get_body(["html"]).get_content()
    for part in (text, html):
        assert f"{project.PORTAL_URL}/access/" in part and "Move before." in part
    assert Letter.objects.get().state == "sent"


def test_the_mail_programs_post_stops_the_mail_and_not_the_page(maya, server):
    told(maya, **END)
    sweep()
    [message] = server.taken
    path = message["List-Unsubscribe"].strip(" <>").removeprefix(project.PORTAL_URL)
    client = Client(enforce_csrf_checks=True)
    assert "Stop this mail" in client.get(path).content.decode()
    assert channels_for(maya, "version.deprecated").mail == "now"
    for _ in range(2):
        assert client.post(path, "List-Unsubscribe=One-Click", FORM).status_code == 200
    chosen = channels_for(maya, "version.deprecated")
    assert chosen.mail == "never" and chosen.page
    told(maya, "version.deprecated", "version.deprecated:2")
    assert sweep() == 0 and Notice.objects.count() == 2
    assert Client().post(f"{path[:-3]}x/").status_code == 404


def test_what_comes_together_is_one_letter(maya, server):
    told(maya, **END)
    told(maya, "quota", "quota-80:1:1", title="80 % is used")
    sweep()
    [message] = server.taken
    assert message["Subject"].endswith("and 1 more")
    assert "80 % is used" in message.get_body(["plain"]).get_content()


def test_a_digest_comes_once_a_week_without_what_was_read(maya, server, at):
    told(maya, "rating", "rating:1", title="Four stars")
    told(maya, "rating", "rating:2", title="Two stars")
    assert sweep() == 0
    mark_read(maya, Notice.objects.filter(key="rating:2"))
    at(MONDAY + timedelta(days=6, hours=21))
    assert sweep() == 0
    at(MONDAY + timedelta(days=6, hours=23))
    assert sweep() == 1 and sweep() == 0
    [message] = server.taken
    assert message["Subject"] == "Your week: Four stars"


def test_mail_waits_for_the_end_of_the_quiet_hours(maya, server, at):
    quiet = {"quiet_from": time(9), "quiet_until": time(12)}
    set_times(maya, time_zone="UTC", digest_day=0, digest_at=time(8), **quiet)
    told(maya, **END)
    assert sweep() == 0
    at(MONDAY + timedelta(hours=2))
    assert sweep() == 1


def test_nothing_is_mailed_to_who_does_not_want_or_cannot(maya, server):
    prefer(maya, "quota", page=True, mail="never")
    told(maya, "quota", "quota-80:1:1")
    told(factories.charlie(), **END)  # has no address
    gone = factories.person("gone", email="gone@company.example", is_active=False)
    told(gone, **END)
    assert sweep() == 0 and not Letter.objects.exists()
    assert not Notice.objects.exclude(mail_at=None).exists()


def test_a_busy_server_is_asked_again_later(maya, server, at):
    server.busy = 1
    told(maya, **END)
    assert sweep() == 0
    letter = Letter.objects.get()
    assert letter.state == "queued" and "451" in letter.problem
    assert sweep() == 0  # not yet
    at(MONDAY + timedelta(minutes=2))
    assert sweep() == 1 and len(server.taken) == 1


def test_a_server_that_is_away_is_given_up_after_days_not_minutes(maya, settings, at):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", 1, 1
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    told(maya, **END)
    letters.compose()
    for _ in range(letters.MOST_TRIES):
        letter = Letter.objects.get()
        assert letter.state == "queued"
        at(max(letter.try_at, timezone.now()))
        letters.send_due()
        if letter.tries == 5:
            [alert] = [one for one in summary.overview().alerts if "mail server" in one.what]
            assert "Connection refused" in alert.why and alert.since == letter.made_at
    letter = Letter.objects.get()
    assert letter.state == "failed" and "Connection refused" in letter.problem
    assert timezone.now() - MONDAY > timedelta(days=1)


def test_an_address_that_is_refused_is_not_asked_again(maya, server):
    server.refused = ["maya"]
    told(maya, **END)
    assert sweep() == 0
    letter = Letter.objects.get()
    assert letter.state == "failed" and "550" in letter.problem


@pytest.mark.slow
def test_who_is_killed_after_the_servers_yes_sends_the_same_message_again(maya, server, at):
    """At least once: the second copy has the Message-ID of the first, by which mail programs drop it."""
    server.hangs_up_after_taking = 1
    told(maya, **END)
    assert sweep() == 0
    at(MONDAY + timedelta(hours=1))
    assert sweep() == 1
    assert len(server.taken) == 2
    assert len({message["Message-ID"] for message in server.taken}) == 1


def test_two_workers_send_one_letter(maya, server):
    told(maya, **END)
    letters.compose()
    first, second = Letter.objects.due().get(), Letter.objects.due().get()
    assert letters._claim(first) and not letters._claim(second)


def test_without_a_server_a_letter_is_a_file_and_is_read_in_the_product(maya, settings, tmp_path):
    settings.EMAIL_BACKEND = "marketplace.notices.mail_files.EmailBackend"
    settings.EMAIL_FILE_PATH, settings.EMAIL_URL = tmp_path / "mail", ""
    told(maya, **END)
    sweep()
    letters.message_of(Letter.objects.get()).send()
    [file] = (tmp_path / "mail").iterdir()  # the second copy is the same file
    assert b"List-Unsubscribe" in file.read_bytes()
    client = Client()
    client.force_login(maya)
    listed = client.get("/notices/mail/").content.decode()
    assert "No mail server is set up" in listed and "Kept as a file" in listed
    letter = client.get(Letter.objects.get().get_absolute_url())
    assert "Move before." in letter.content.decode()
    stranger = Client()
    stranger.force_login(factories.charlie())
    assert stranger.get(Letter.objects.get().get_absolute_url()).status_code == 404


def test_old_letters_are_forgotten(maya, at):
    told(maya, **END)
    letters.compose()
    assert letters.clean() == 0
    at(MONDAY + letters.KEPT + timedelta(days=1))
    assert letters.clean() == 1 and Notice.objects.count() == 1


def test_a_title_cannot_forge_a_header(maya, server):
    told(maya, "version.deprecated", "version.deprecated:1", title="Ends\r\nBcc: all@x.example")
    sweep()
    [message] = server.taken
    assert message["Bcc"] is None and "Ends Bcc:" in message["Subject"]
