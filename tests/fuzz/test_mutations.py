"""No 5xx from any input (issue 8, line 4): every operation and page, every role, seeded mutations.

The default tier runs a few hundred cases; `pytest -m fuzz` runs FUZZ_CASES (20 000) for at most FUZZ_SECONDS. A failure names
its seed and number: FUZZ_SEED with the same number of cases brings it again.
"""

import copy
import json
import logging
import os
import time
from collections import defaultdict

import pytest
from django.db import transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse
from drf_spectacular.generators import SchemaGenerator
from rest_framework.parsers import JSONParser

from marketplace.lib.requests import PortalRequest
from tests import cast
from tests.doors_table import API, BODIES, PAGES
from tests.fuzz.mutations import Mutator, Request
from tests.soak.growth import held
from tests.test_doors import World, filled

SEED = int(os.environ.get("FUZZ_SEED", "8"))
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
SECONDS = int(os.environ.get("FUZZ_SECONDS", "1800"))
LONGEST_S = 5.0
GROWTH_MIB = 64
REFUSALS = {401, 403, 404, 405}
MORE_PEOPLE = ("bob", "evan", "fay", "sam", "lena", "gus", "mira", "otto", "finn", "root")
# Pages of allauth and of the framework, which have no row in the table of doors.
OTHERS = [
    ("account_login", {"login": "alice", "password": "x"}), ("account_reset_password", {"email": "alice@example.com"}), ("account_logout", {}),
    ("account_change_password", {"oldpassword": "x", "password1": "y"}), ("account_email", {"email": "a@example.com", "action_add": ""}),
    ("account_set_password", {"password1": "y"}), ("account_signup", {"username": "new", "password1": "y"}), ("account_reset_password_done", {}),
    ("admin:index", {}), ("admin:login", {"username": "root", "password": "x"}), ("healthz", {}), ("readyz", {}),
]  # fmt: skip


class Playground(World):
    """The world of the doors, with everybody in it, and every operation as a valid request to begin with."""

    def __init__(self):
        super().__init__()
        for name in MORE_PEOPLE:
            self.people[name] = getattr(cast, name)()
            self.clients[name] = Client()
            self.clients[name].force_login(self.people[name])
        for client in self.clients.values():
            client.raise_request_exception = False
        self.operations = [*self._doors(), *self._others()]
        schema = SchemaGenerator().get_schema(request=None, public=True)
        found = [p for item in schema["paths"].values() for operation in item.values() for p in operation.get("parameters", ())]
        self.parameters = sorted({p["name"] for p in found if p["in"] == "query"} | {"window", "span", "kind", "page", "plan", "version", "next"})
        self.cursors = [self._cursor(name) for name in ("models/?page_size=1&sort=-rating_mean", "plans/?page_size=1", "audit-events/?page_size=1")]

    def visit(self, person, request):
        """The answer; what it did is taken back."""
        client = self.clients[person]
        cookies = copy.deepcopy(client.cookies)  # a mutated one must not sign its person out for good
        for name, value in request.cookies.items():
            client.cookies[name] = value
        body, content_type = request.body()
        try:
            with transaction.atomic():
                response = client.generic(request.method.upper(), request.address, body, content_type, headers=_sendable(request.headers))
                transaction.set_rollback(True)
        finally:
            client.cookies = cookies
        return response

    def _doors(self):
        for (name, method), (thing, _) in (PAGES | API).items():
            data = filled(self, BODIES.get(name, {}))
            path = reverse(name, kwargs=self.arguments(thing))
            yield name, Request(method, path, name.startswith("api:"), json.loads(json.dumps(data, default=str)))

    def _others(self):
        for name, data in OTHERS:
            try:
                yield name, Request("post" if data else "get", reverse(name), False, data)
            except NoReverseMatch:
                continue

    def _cursor(self, address):
        page = self.clients["vera"].get(f"/api/v1/{address}").json()
        return page["next"].split("cursor=")[1].split("&")[0]


def _sendable(headers):
    return {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in headers.items()}


@pytest.fixture
def playground(db, monkeypatch):
    """Its clients make the portal's own requests (marketplace/wsgi.py)."""
    monkeypatch.setattr("django.test.client.WSGIRequest", PortalRequest)
    logging.disable(logging.WARNING)  # pytest would keep every line, and each line its request
    yield Playground()
    logging.disable(logging.NOTSET)


def run(playground, seed, cases, seconds):
    """Visits `cases` mutated requests. Returns (how many, {name: statuses}, [what broke])."""
    dice = Mutator(seed, playground.parameters, playground.cursors)
    people, statuses, broken = list(playground.clients), defaultdict(set), []
    ends = time.monotonic() + seconds
    for number in range(cases):
        if time.monotonic() > ends:
            return number, statuses, broken
        name, usual = playground.operations[number % len(playground.operations)]
        person, request = dice.choice(people), dice.mutate(copy.deepcopy(usual))
        began = time.perf_counter()
        response = playground.visit(person, request)
        took = time.perf_counter() - began
        statuses[name, usual.method].add(response.status_code)
        if response.status_code >= 500 or took > LONGEST_S:
            broken.append(f"seed {seed} case {number}: {person} {name} {response.status_code} {took:.1f} s {_shown(request)}")
    return cases, statuses, broken


def _shown(request):
    body, content_type = request.body()
    return f"{request.method} {request.address[:300]} {content_type} {body[:300]!r} {request.headers} {request.cookies}"[:1200]


def test_every_operation_is_reached_and_odd_requests_have_plain_answers(playground):
    """Unmutated, each operation has an answer for somebody, so that mutating it means something; then a few hundred mutations."""
    reached = defaultdict(set)
    for name, request in playground.operations:
        for person in dict.fromkeys(("alice", "maya", "rita", "vera", "otto", *playground.clients)):
            reached[name, request.method].add(playground.visit(person, copy.deepcopy(request)).status_code)
            if reached[name, request.method] - REFUSALS:
                break
    lost = [key for key, found in reached.items() if key in API and key[0] != "api:nowhere" and not found - REFUSALS]
    assert lost == [] and not [key for key, found in reached.items() if max(found) >= 500]
    _, _, broken = run(playground, SEED, 250, 30)
    assert broken == [], "\n".join(broken)


@pytest.mark.fuzz
def test_odd_requests_have_plain_answers_and_leave_nothing_behind(playground, capsys):
    """20 000 cases: no 5xx, none over five seconds, memory flat."""
    run(playground, SEED + 1, 5000, 240)  # what is loaded once is loaded now, and the heap has its size
    before, _ = held(os.getpid())
    done, statuses, broken = run(playground, SEED, CASES, SECONDS)
    growth = (held(os.getpid())[0] - before) / 2**20
    with capsys.disabled():
        counts = {"cases": done, "operations": len(statuses), "roles": len(playground.clients), "broken": len(broken), "growth_mib": round(growth, 1)}
        print(f"\n{json.dumps(counts)}")
    assert broken == [], "\n".join(broken[:40])
    assert growth < GROWTH_MIB, f"{growth:.0f} MiB more after {done} cases"
    assert all(found - {404} for key, found in statuses.items() if key in API and key[0] != "api:nowhere"), "an operation only ever answered 404"


PUT_BACK = {
    "a cursor of another question": ("marketplace.lib.paging.Pages._list_of", lambda self: "every list"),
    "bodies of any depth and any text": ("marketplace.lib.json_reader.JSONBody.parse", JSONParser.parse),
    "any text in a row": ("marketplace.lib.limits.require_value", lambda field, value: None),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("fault", PUT_BACK)
def test_the_mutations_find_what_is_put_back(playground, monkeypatch, fault):
    """The cases of the issue, each by taking one rule away: the mutations notice within a few thousand cases."""
    monkeypatch.setattr(*PUT_BACK[fault])
    _, _, broken = run(playground, SEED, 3000, 200)
    assert broken
