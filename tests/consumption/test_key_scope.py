"""From where a key works, and under which pepper it is kept."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from consumption import actions
from consumption.keys import networks
from consumption.models import ApiKey
from marketplace.accounts.models import User
from marketplace.audit.models import AuditEvent
from marketplace.core import keys
from marketplace.core.errors import Invalid, NotAllowed, RuleError
from marketplace.core.transitions import StaleState
from tests import factories

pytestmark = pytest.mark.django_db
OFFICE = ["10.20.0.0/16", "192.0.2.7/32", "2001:db8::/32"]


@pytest.fixture
def subscription():
    return factories.subscription()


@pytest.fixture
def maya(subscription):
    client = Client()
    client.force_login(factories.maya())
    return client


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.20.255.1", True),
        ("10.21.0.1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("::1", False),
        ("::ffff:10.20.0.1", True),
        ("::ffff:10.21.0.1", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_an_address_is_in_a_network_or_it_is_not(address, inside):
    assert networks.contain(networks.parse(OFFICE), address) is inside


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.20.0.1/16", "10.20.0.0/16 for all of it"),
        ("office", "is not a network. Write it as"),
        ("10.0.0.0/40", "is not a network"),
    ],
)
def test_what_is_no_network_is_refused_with_the_remedy(subscription, text, words):
    with pytest.raises(Invalid, match=words):
        factories.key(subscription, networks=[text])


def test_there_is_a_bound_on_networks(subscription):
    with pytest.raises(Invalid, match="At most 50"):
        factories.key(subscription, networks=[f"10.0.{number}.0/24" for number in range(51)])


def test_a_key_keeps_its_networks_once_each_in_their_usual_form_and_the_record_tells_them(
    subscription,
):
    key, _ = factories.key(
        subscription, networks=["10.20.0.0/16", " 192.0.2.7 ", "", "2001:0db8::/32", "10.20.0.0/16"]
    )
    key.refresh_from_db()
    assert key.networks == OFFICE
    assert AuditEvent.objects.get(action="key.create").detail["networks"] == OFFICE


def test_a_key_works_from_anywhere_unless_told_otherwise(subscription):
    assert factories.key(subscription)[0].networks == []


def test_a_rotated_key_works_from_where_the_old_one_did(subscription):
    key, _ = factories.key(subscription, networks=OFFICE)
    assert actions.rotate_key(factories.maya(), key)[0].networks == OFFICE


def test_the_networks_of_a_key_can_be_changed_and_the_record_tells_both(maya, subscription):
    key, _ = factories.key(subscription, networks=["192.0.2.7"])
    url = reverse("consumption:key_networks", args=[key.kid])
    assert "192.0.2.7/32</textarea>" in maya.get(url).content.decode()
    done = maya.post(
        url, {"networks": "10.20.0.0/16\r\n192.0.2.7\r\n"}, follow=True
    ).content.decode()
    assert "works only from 10.20.0.0/16, 192.0.2.7/32 now" in done
    before = key.epoch
    key.refresh_from_db()
    assert key.networks == ["10.20.0.0/16", "192.0.2.7/32"] and key.epoch > before
    event = AuditEvent.objects.get(action="key.networks")
    assert event.detail == {"before": ["192.0.2.7/32"], "after": ["10.20.0.0/16", "192.0.2.7/32"]}
    assert (
        "works from anywhere now" in maya.post(url, {"networks": ""}, follow=True).content.decode()
    )


def test_a_network_that_is_none_changes_nothing_and_what_was_typed_stays(maya, subscription):
    key, _ = factories.key(subscription, networks=["192.0.2.7"])
    answer = maya.post(
        reverse("consumption:key_networks", args=[key.kid]), {"networks": "10.20.0.1/16"}
    )
    page = answer.content.decode()
    assert (
        answer.status_code == 422
        and "10.20.0.1/16</textarea>" in page
        and "Write 10.20.0.0/16 for all of it" in page
    )
    key.refresh_from_db()
    assert key.networks == ["192.0.2.7/32"]


@pytest.mark.parametrize(
    "who", [factories.charlie, factories.alice, factories.rita, factories.otto, factories.root]
)
def test_only_its_team_changes_the_networks_of_a_key(subscription, who):
    key, _ = factories.key(subscription)
    with pytest.raises(NotAllowed, match="Only its own team"):
        actions.change_networks(who(), key, OFFICE)


def test_a_key_that_has_ended_gets_no_networks(maya, subscription):
    key, _ = factories.key(subscription)
    actions.revoke_key(factories.maya(), key)
    with pytest.raises(RuleError, match="has ended"):
        actions.change_networks(factories.maya(), key, OFFICE)
    assert (
        "has ended"
        in maya.get(reverse("consumption:key_networks", args=[key.kid])).content.decode()
    )


def test_of_two_who_change_a_key_the_second_looks_again(subscription):
    key, _ = factories.key(subscription)
    other = ApiKey.objects.get(pk=key.pk)
    actions.change_networks(factories.maya(), key, OFFICE)
    with pytest.raises(StaleState):
        actions.change_networks(factories.maya(), other, [])
    key.refresh_from_db()
    assert key.networks == OFFICE


def test_the_api_changes_networks(maya, subscription):
    key, _ = factories.key(subscription)

    def put(**facts):
        return maya.put(
            f"/api/v1/keys/{key.kid}/networks/", json.dumps(facts), content_type="application/json"
        )

    assert put(networks=["192.0.2.7"]).json()["networks"] == ["192.0.2.7/32"]
    assert put().status_code == 422
    refused = put(networks=["10.20.0.1/16"])
    assert (
        refused.status_code == 422
        and refused.json()["field"] == "networks"
        and "10.20.0.0/16" in refused.json()["detail"]
    )


def test_the_form_takes_one_network_a_line_and_the_page_tells_them(maya, subscription):
    url = reverse("consumption:create_key", args=[subscription.pk])
    form = maya.get(url).content.decode()
    assert "Only from these networks" in form and "<textarea" in form
    made = maya.post(
        url, {"name": "Cluster", "days": "30", "networks": "10.20.0.0/16\r\n\r\n192.0.2.7\r\n"}
    ).content.decode()
    assert "only from 10.20.0.0/16, 192.0.2.7/32" in made
    assert ApiKey.objects.get(name="Cluster").networks == ["10.20.0.0/16", "192.0.2.7/32"]
    assert (
        "only from 10.20.0.0/16, 192.0.2.7/32"
        in maya.get(subscription.application.get_absolute_url()).content.decode()
    )


def test_the_form_keeps_what_was_typed_when_it_cannot_be_used(maya, subscription):
    url = reverse("consumption:create_key", args=[subscription.pk])
    answer = maya.post(url, {"name": "Cluster", "days": "30", "networks": "10.20.0.1/16"})
    page = answer.content.decode()
    assert (
        answer.status_code == 422
        and "10.20.0.1/16</textarea>" in page
        and "Write 10.20.0.0/16 for all of it" in page
    )
    assert not subscription.keys.exists()


def test_who_may_not_make_keys_gets_no_form(subscription):
    alice = Client()
    alice.force_login(factories.alice())
    page = alice.get(reverse("consumption:create_key", args=[subscription.pk])).content.decode()
    assert "make its keys" in page and "<textarea" not in page


def test_the_api_takes_and_tells_networks(maya, subscription):
    def ask(**facts):
        body = json.dumps({"subscription": subscription.pk, **facts})
        return maya.post("/api/v1/keys/", body, content_type="application/json")

    made = ask(networks=["192.0.2.7"]).json()
    assert (
        made["networks"]
        == ["192.0.2.7/32"]
        == maya.get(f"/api/v1/keys/{made['kid']}/").json()["networks"]
    )
    refused = ask(networks=["10.20.0.1/16"])
    assert refused.status_code == 422 and "10.20.0.0/16" in refused.content.decode()


def test_a_digest_moves_to_another_pepper_once_and_the_record_tells(subscription):
    key, text = factories.key(subscription)
    by, old, mac = User.objects.system("gateway"), key.mac, keys.mac(text, "the second")
    for _ in range(3):
        actions.rehash_key(by, key.pk, old=old, mac=mac, pepper_version=2)
    key.refresh_from_db()
    assert (key.mac, key.pepper_version) == (mac, 2)
    assert AuditEvent.objects.filter(action="key.rehash").count() == 1


def test_a_late_digest_never_overwrites_a_newer_one(subscription):
    key, text = factories.key(subscription)
    by, old = User.objects.system("gateway"), key.mac
    actions.rehash_key(by, key.pk, old=old, mac=keys.mac(text, "third"), pepper_version=3)
    actions.rehash_key(by, key.pk, old=old, mac=keys.mac(text, "second"), pepper_version=2)
    key.refresh_from_db()
    assert key.pepper_version == 3 and keys.verify(text, key.mac, "third")
