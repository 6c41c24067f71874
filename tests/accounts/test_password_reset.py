"""Issue 8, line 4: a forgotten password has an honest answer, with and without a mail server."""

import pytest
from django.core import mail

from tests import factories

pytestmark = pytest.mark.django_db
FILES = "django.core.mail.backends.filebased.EmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def ask(client, address="alice@example.com"):
    alice = factories.alice()
    alice.email = "alice@example.com"
    alice.save()
    return client.post("/accounts/password/reset/", {"email": address}, follow=True)


def test_without_a_mail_server_the_letter_is_a_file_and_the_page_says_so(
    client, settings, tmp_path
):
    settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH, settings.EMAIL_URL = (
        FILES,
        tmp_path / "mail",
        "",
    )
    page = ask(client)
    assert (
        page.status_code == 200
        and "sends no mail yet" in page.content.decode()
        and "operators" in page.content.decode()
    )
    [letter] = (tmp_path / "mail").iterdir()
    assert "/accounts/password/reset/key/" in letter.read_text()


def test_with_one_it_is_sent(client, settings):
    settings.EMAIL_URL = "smtp://mail.example.com"
    assert "Look at your mail" in ask(client).content.decode()
    assert [letter.to for letter in mail.outbox] == [["alice@example.com"]]


@pytest.mark.parametrize("address", ["alice@example.com", "nobody@example.com"])
def test_a_mail_server_that_is_away_is_no_fault_of_ours_and_tells_nothing(
    client, settings, address
):
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = (
        SMTP,
        "127.0.0.1",
        1,
        1,
    )
    page = ask(client, address)
    assert (
        page.status_code == 503
        and "could not be sent" in page.content.decode()
        and "operators" in page.content.decode()
    )


def test_the_page_is_the_same_for_known_and_unknown_addresses(client):
    assert [
        ask(client, address).status_code for address in ("alice@example.com", "nobody@example.com")
    ] == [200, 200]
