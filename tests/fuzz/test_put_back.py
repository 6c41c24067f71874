"""The fuzz tier finds the faults that it was made for when they are put back one by one (issue 8, line 4).

Each fault is sought among the operations of its area, by the same sweep and the same mutator as in the long run, within MOST cases.
"""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from django.core import signing
from django.db import DataError, connection
from rest_framework.parsers import JSONParser

from consumption.models import Plan, PlanTerms
from governance import card_values
from marketplace.accounts.adapter import ClosedSignup, DefaultAccountAdapter
from marketplace.core import field_limits, middleware, paging, problem_json
from tests.fuzz.playground import Run, built

MOST = 300  # cases until a fault is found
PRICE = "price_micros_per_1000"


def without_binding(patch):
    """A cursor serves every list and question; it is signed still."""
    signed = paging.Pages._cursor

    def of_any_list(pages):
        text = pages.request.query_params.get("cursor", "")
        try:
            whose = signing.loads(text, salt=paging.__name__)[0]
        except signing.BadSignature:
            return signed(pages)
        with pytest.MonkeyPatch.context() as during:
            during.setattr(paging.Pages, "_list_of", lambda _: whose)
            return signed(pages)

    patch.setattr(paging.Pages, "_cursor", of_any_list)


def without_signature(patch):
    """Whatever text is given is taken for a cursor."""

    def trusting(pages):
        text = pages.request.query_params.get("cursor")
        return (
            (None, False) if text is None else tuple(signing.loads(text, salt=paging.__name__)[1:])
        )

    patch.setattr(paging.Pages, "_cursor", trusting)


def without_the_reader(patch):
    """Bodies are read, fields kept and errors of the database told as before there were rules."""
    patch.setattr("marketplace.core.json_reader.JSONBody.parse", JSONParser.parse)
    patch.setattr(field_limits, "require_value", lambda field, value: None)
    patch.setattr(card_values, "refusal", lambda field, value: "")
    patch.delitem(problem_json.KNOWN, DataError)


def without_the_address_check(patch):
    patch.setattr(middleware, "unquote", lambda text: "")
    patch.setattr(middleware, "DataError", Unknown)
    patch.setattr(
        "django.core.validators.ProhibitNullCharactersValidator.__call__", lambda *_: None
    )
    patch.delitem(problem_json.KNOWN, DataError)


class Unknown(Exception):
    """Nothing raises it."""


def without_price_limits(patch):
    """Neither the field nor the database knows a largest price."""
    for model, constraint in (
        (Plan, "plan_price_within_bounds"),
        (PlanTerms, "plan_terms_price_within_bounds"),
    ):
        patch.setitem(model._meta.get_field(PRICE).__dict__, "validators", [])
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(f"ALTER TABLE {model._meta.db_table} DROP CONSTRAINT {constraint}")


def without_a_mail_server(patch):
    """Letters go to a server that is not there, and nobody expects that."""
    patch.setattr(
        "django.conf.settings.EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend"
    )
    patch.setattr("django.conf.settings.EMAIL_HOST", "127.0.0.1")
    patch.setattr("django.conf.settings.EMAIL_PORT", 1)
    patch.setattr(ClosedSignup, "send_mail", DefaultAccountAdapter.send_mail)


@dataclass
class Fault:
    """`put_back` patches it in; `by_hand` is a request that met it; what breaks by it holds `sign` and an operation of `area`."""

    put_back: Any
    person: str
    by_hand: Any
    sign: str
    area: tuple


def of(playground, name, method="get", **changed):
    return replace(playground.usual(name, method), **changed)


def other_question(playground):
    request = of(playground, "api:model-list")
    (_, cursor), other = request.cursors[0], request.questions[1]
    return replace(request, query=[*other, ("cursor", cursor)])


def cut(playground):
    request = of(playground, "api:model-list")
    return replace(request, query=[("cursor", request.cursors[0][1][:-1])])


def card(**sent):
    return lambda playground: of(playground, "api:version-card", "patch", **sent)


def price(playground):
    usual = playground.usual("api:plan-list", "post")
    return replace(usual, data=usual.data | {PRICE: 2**63 - 1})


LISTS = tuple(
    f"api:{name}-list"
    for name in ("model", "version", "review", "team", "application", "audit-event", "notice")
)
DOCUMENTS = ("api:version-card", "api:model-detail", "publishing:card")
FAULTS = {
    "a cursor of another question": Fault(
        without_binding, "vera", other_question, "cursor=", LISTS
    ),
    "a cut cursor": Fault(without_signature, "vera", cut, "cursor=", LISTS),
    "half a surrogate": Fault(
        without_the_reader,
        "alice",
        card(data={"values": {"limitations.text": "\ud800"}}),
        "ud800",
        DOCUMENTS,
    ),
    "200 000 brackets": Fault(
        without_the_reader, "alice", card(raw=b"[" * 200_000), "[" * 50, DOCUMENTS
    ),
    "deep JSON": Fault(
        without_the_reader, "alice", card(raw=b'{"a":' * 100_000), '{"a":' * 9, DOCUMENTS
    ),
    "a null character in the address": Fault(
        without_the_address_check,
        "alice",
        lambda playground: of(playground, "governance:evidence", query=[("version", "\0")]),
        "=%00",
        ("governance:evidence", "governance:card", "catalog:model", "consumption:subscribe"),
    ),
    "a price of 2^63 - 1": Fault(
        without_price_limits, "alice", price, PRICE, ("api:plan-list", "api:change-list")
    ),
    "no mail server": Fault(
        without_a_mail_server,
        "charlie",
        lambda playground: of(playground, "account_reset_password", "post"),
        "account_reset_password",
        ("account_reset_password", "account_login", "account_email"),
    ),
}


@pytest.mark.fuzz
@pytest.mark.django_db
@pytest.mark.parametrize("name", FAULTS)
def test_what_is_put_back_is_found(monkeypatch, name):
    fault = FAULTS[name]
    with built(only=fault.area) as playground:
        assert complaint(playground, fault) == ""
        fault.put_back(monkeypatch)
        assert complaint(playground, fault), "it is not back, so that nothing could find it"
        run = Run(playground, looks=0)
        run.go(range(MOST), 120, sought=fault.sign)
    assert run.found(fault.sign), f"not found in {run.cases} cases"
    print(f"{name}: case {run.cases}, {run.found(fault.sign)[0][:200]}")


def complaint(playground, fault):
    return playground.visit(fault.person, fault.by_hand(playground))[1]
