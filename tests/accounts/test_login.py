"""Coming in: by password, by demo button, and not at all."""

import pytest

from marketplace.accounts.models import DemoLogin
from marketplace.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-demo-password"


@pytest.fixture
def alice():
    person = factories.alice()
    person.set_password(PASSWORD)
    person.save()
    return person


def test_a_password_lets_its_person_in_and_the_record_says_so(client, alice):
    answer = client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert answer.status_code == 302 and answer["Location"] == "/"
    assert client.get("/").wsgi_request.user == alice
    assert AuditEvent.objects.filter(action="login", actor=alice).count() == 1


def test_a_wrong_password_keeps_what_was_typed(client, alice):
    answer = client.post("/accounts/login/", {"login": "alice", "password": "something else"})
    assert answer.status_code == 200 and b'value="alice"' in answer.content


def test_five_wrong_passwords_a_minute_are_enough(client, alice):
    for _ in range(5):
        client.post("/accounts/login/", {"login": "alice", "password": "something else"})
    client.post("/accounts/login/", {"login": "alice", "password": PASSWORD})
    assert not client.get("/").wsgi_request.user.is_authenticated


def test_demo_buttons_exist_in_demo_mode_on_this_machine_only(client, alice, settings):
    DemoLogin.objects.create(user=alice, role="publisher", can="publish models")
    settings.DEMO_MODE = True
    assert b"publish models" in client.get("/accounts/login/").content
    assert b"publish models" not in client.get("/accounts/login/", REMOTE_ADDR="10.1.2.3").content
    assert (
        client.post("/demo-login/", {"username": "alice"}, REMOTE_ADDR="10.1.2.3").status_code
        == 404
    )
    settings.DEMO_MODE = False
    assert b"publish models" not in client.get("/accounts/login/").content
    assert client.post("/demo-login/", {"username": "alice"}).status_code == 404


def test_nobody_signs_up(client):
    assert client.post(
        "/accounts/signup/", {"username": "mallory", "password1": PASSWORD}
    ).status_code in (200, 403)
    from marketplace.accounts.models import User

    assert not User.objects.filter(username="mallory").exists()
