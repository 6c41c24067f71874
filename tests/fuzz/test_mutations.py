"""No 5xx from any input (issue 8, line 4): every operation and page, every role, seeded mutations.

Each operation's valid request is swept first (one thing wrong at each place of it, by somebody who is welcome there), then seeded
mutations of anything by anybody follow. What is accepted is looked at before it is taken back. The default tier runs a few dozen
cases; `pytest -m fuzz` runs FUZZ_CASES (20 000) for at most FUZZ_SECONDS, from case FUZZ_FIRST on. A failure names its seed and number.
"""

import copy
import gc
import json
import logging
import os
import random
import re
import time
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.db import DataError, transaction
from django.template.base import Template
from django.test import Client
from django.urls import NoReverseMatch, reverse
from drf_spectacular.generators import SchemaGenerator
from rest_framework.parsers import JSONParser

from marketplace.core import field_limits, middleware, paging, problem_json
from marketplace.core.requests import PortalRequest
from tests import factories
from tests.endpoint_permissions import API, BODIES, PAGES, PEOPLE
from tests.fuzz.mutations import Mutator, Request, sweep
from tests.soak.growth import held
from tests.test_doors import World, filled

SEED = int(os.environ.get("FUZZ_SEED", "8"))
FIRST = int(os.environ.get("FUZZ_FIRST", "0"))
CASES = int(os.environ.get("FUZZ_CASES", "20000"))
SECONDS = int(os.environ.get("FUZZ_SECONDS", "1800"))
LONGEST_S = 5.0
FOUND_WITHIN = 10_000  # cases
GROWTH_MIB = 16  # over the second half of the cases
FEW = 200  # cases of the default tier
REFUSALS = {401, 403, 404, 405}
MORE_PEOPLE = ("bob", "evan", "fay", "sam", "lena", "gus", "mira", "otto", "finn", "root")
WRITES = {"POST", "PUT", "PATCH", "DELETE"}
# What an accepted write is seen on.
LOOKS = (
    "catalog:models",
    "catalog:model",
    "governance:card",
    "consumption:access",
    "consumption:usage",
    "consumption:plans",
    "consumption:model_usage",
    "publishing:home",
    "publishing:card",
    "publishing:interface",
    "api:model-list",
    "api:plan-list",
    "api:usage-list",
    "api:version-card",
)
# Pages of allauth and of the framework, which have no row in the table of doors.
OTHERS = [
    ("account_login", {"login": "alice", "password": "x"}),
    ("account_reset_password", {"email": "alice@example.com"}),
    ("account_logout", {}),
    ("account_change_password", {"oldpassword": "x", "password1": "y"}),
    ("account_email", {"email": "a@example.com", "action_add": ""}),
    ("account_set_password", {"password1": "y"}),
    ("account_signup", {"username": "new", "password1": "y"}),
    ("account_reset_password_done", {}),
    ("admin:index", {}),
    ("admin:login", {"username": "root", "password": "x"}),
    ("healthz", {}),
    ("readyz", {}),
]


class Playground(World):
    """The world of the doors, with everybody in it, and every operation as a valid request to begin with."""

    def __init__(self):
        super().__init__()
        for name in MORE_PEOPLE:
            self.people[name] = getattr(factories, name)()
            self.clients[name] = Client()
            self.clients[name].force_login(self.people[name])
        for client in self.clients.values():
            client.raise_request_exception = False
        self.schema = SchemaGenerator().get_schema(request=None, public=True)
        self.operations = [*self._doors(), *self._others()]
        self.looks = [
            request.path
            for name, request in self.operations
            if name in LOOKS and request.method == "get"
        ]
        self.parameters = sorted(
            {name for _, request in self.operations for name in request.parameters}
            | {"window", "span", "page", "next"}
        )

    def visit(self, person, request, looks=()):
        """The answer, or the page of `looks` that breaks after it; what it did is taken back."""
        client = self._like(self.clients[person])
        for name, value in request.cookies.items():
            client.cookies[name] = value
        body, content_type = request.body()
        with transaction.atomic():
            response = client.generic(
                request.method.upper(),
                request.address,
                body,
                content_type,
                headers=_sendable(request.headers),
            )
            if (
                response.status_code < 400
                and request.method.upper() in WRITES
                and not request.cookies
            ):
                response = next(
                    (look for look in map(client.get, looks) if look.status_code >= 500), response
                )
            transaction.set_rollback(True)
        return response

    @staticmethod
    def _like(client):
        """The same person, for one visit: a mutated cookie signs nobody out, and what Django's client keeps of each request goes with it."""
        fresh = Client(raise_request_exception=False)
        fresh.handler, fresh.cookies = client.handler, copy.deepcopy(client.cookies)
        return fresh

    def usual(self, name, method):
        return next(
            request for one, request in self.operations if (one, request.method) == (name, method)
        )

    def welcome(self, name, method):
        """Who gets furthest with a valid request."""
        _, codes = (PAGES | API).get((name, method), (None, [200] * len(PEOPLE)))
        best = min(codes[1:], key=lambda code: (code in REFUSALS, code))
        return [
            person
            for person, code in zip(PEOPLE, codes, strict=True)
            if code == best and person != "anonymous"
        ]

    def _doors(self):
        for (name, method), (thing, _) in (PAGES | API).items():
            data = filled(self, BODIES.get(name, {})) if method != "get" else {}
            path = reverse(name, kwargs=self.arguments(thing))
            request = Request(
                method, path, name.startswith("api:"), json.loads(json.dumps(data, default=str))
            )
            if request.is_json:
                self._learn(request)
            yield name, request

    def learn_forms(self):
        """What the pages' own forms send."""
        for name, request in self.operations:
            if request.method == "post" and not request.is_json and (name, "post") in PAGES:
                page = self.clients[self.welcome(name, "post")[0]].get(request.path)
                request.members = tuple(
                    dict.fromkeys(
                        re.findall(
                            r'<(?:input|select|textarea)[^>]* name="([\w.-]+)"',
                            page.content.decode(),
                        )
                        if page.status_code == 200
                        else ()
                    )
                )

    def _others(self):
        for name, data in OTHERS:
            try:
                yield name, Request("post" if data else "get", reverse(name), False, data)
            except NoReverseMatch:
                continue

    def _learn(self, request):
        """What the schema and the list itself say of an operation."""
        for path, item in self.schema["paths"].items():
            if request.method in item and re.fullmatch(
                re.sub(r"{\w+}", "[^/]+", path), request.path
            ):
                operation = item[request.method]
                found = {
                    one["name"]: one["schema"]
                    for one in operation.get("parameters", ())
                    if one["in"] == "query"
                }
                request.parameters, request.members = tuple(found), tuple(self._members(operation))
                if request.method == "get" and "cursor" in found:
                    request.questions = tuple(islice(_questions(found), 6))
                    request.cursors = tuple(self._cursors(request))
                return

    def _members(self, operation):
        media = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = media.get("schema", {}).get("$ref", "").rpartition("/")[2]
        return self.schema["components"]["schemas"].get(name, {}).get("properties", {})

    def _cursors(self, request):
        for question in request.questions:
            for person in ("otto", "alice", "vera"):
                page = self.clients[person].get(request.path, dict(question) | {"page_size": 1})
                if page.status_code == 200 and page.json()["next"]:
                    yield question, parse_qs(urlsplit(page.json()["next"]).query)["cursor"][0]
                    break


def _questions(parameters):
    """The first page, each order, and some filters of a list."""
    yield ()
    for name, schema in sorted(parameters.items(), key=lambda one: "sort" not in one[0]):
        for value in schema.get("items", schema).get("enum") or ():
            if value:
                yield ((name, value),)


def _sendable(headers):
    return {
        name: value.encode("utf-8", "replace").decode("latin-1") for name, value in headers.items()
    }


@pytest.fixture
def playground(db, monkeypatch):
    """Its clients make the portal's own requests (marketplace/wsgi.py), and keep no copy of what a page was rendered with."""
    monkeypatch.setattr("django.test.client.WSGIRequest", PortalRequest)
    monkeypatch.setattr(
        Template, "_render", lambda template, context: template.nodelist.render(context)
    )
    logging.disable(logging.CRITICAL)  # pytest would keep every line, and each line its request
    yield Playground()
    logging.disable(logging.NOTSET)


class Run:
    """Cases of a seed from `first` on: `go` visits so many, for at most `seconds`, or until one breaks that holds the text `sought`."""

    def __init__(self, playground, seed=SEED, first=0, looks=2):
        self.playground, self.seed, self.number, self.looks = playground, seed, first, looks
        self.swept = [
            (name, usual, one) for name, usual in playground.operations for one in sweep(usual)
        ]
        random.Random(seed).shuffle(self.swept)
        self.statuses, self.answers, self.broken, self.slowest = (
            defaultdict(set),
            defaultdict(Counter),
            [],
            0.0,
        )

    def go(self, cases, seconds, sought=None):
        last, ends = self.number + cases, time.monotonic() + seconds
        while self.number < last and time.monotonic() < ends and not self.found(sought):
            self.number += 1
            self._one(random.Random(f"{self.seed} {self.number}").random())
        return self

    def found(self, sought):
        """What broke and holds the text `sought`."""
        return [line for line in self.broken if sought and sought in line]

    def _one(self, seed):
        name, usual, person, request = self._case(seed)
        looks = random.Random(seed).sample(self.playground.looks, self.looks)
        began = time.perf_counter()
        response = self.playground.visit(person, request, looks)
        took = time.perf_counter() - began
        self.statuses[name, usual.method].add(response.status_code)
        self.answers[person][response.status_code] += not request.cookies
        self.slowest = max(self.slowest, took)
        if response.status_code >= 500 or took > LONGEST_S:
            self.broken.append(
                f"seed {self.seed} case {self.number}: {person} {name} {response.status_code} {took:.1f} s {_shown(request)}"
            )

    def _case(self, seed):
        """Of two cases one is swept, as long as there are any."""
        dice = Mutator(seed, self.playground.parameters)
        place, is_random = divmod(self.number, 2)
        if not is_random and place < len(self.swept):
            name, usual, request = self.swept[place]
            return name, usual, dice.choice(self.playground.welcome(name, usual.method)), request
        name, usual = dice.choice(self.playground.operations)
        people = (
            self.playground.welcome(name, usual.method)
            if dice.randrange(2)
            else list(self.playground.clients)
        )
        return name, usual, dice.choice(people), dice.mutate(copy.deepcopy(usual))

    def unheard(self):
        """People who were mostly not known to the door, which then tested nothing."""
        return {
            person: codes
            for person, codes in self.answers.items()
            if person != "anonymous" and codes[401] > codes.total() / 5
        }


def _shown(request):
    body, content_type = request.body()
    return f"{request.method} {request.address[:300]} {content_type} {body[:300]!r} {request.headers} {request.cookies}"[
        :1200
    ]


def test_odd_requests_have_plain_answers(playground):
    """The default tier's share of the fuzz tier."""
    fuzz = Run(playground).go(FEW, 30)
    assert fuzz.broken == [], "\n".join(fuzz.broken)
    assert len(fuzz.answers) >= 12


@pytest.mark.fuzz
def test_odd_requests_have_plain_answers_and_leave_nothing_behind(playground, capsys):
    """20 000 cases: no 5xx, none over five seconds, memory flat."""
    playground.learn_forms()
    fuzz = Run(playground, SEED, FIRST).go(CASES // 2, SECONDS / 2)
    gc.collect()
    before, _ = held(os.getpid())
    fuzz.go(CASES // 2, SECONDS / 2)
    gc.collect()
    growth = (held(os.getpid())[0] - before) / 2**20
    figures = {
        "cases": fuzz.number - FIRST,
        "swept": len(fuzz.swept),
        "operations": len(fuzz.statuses),
        "roles": len(fuzz.answers),
        "broken": len(fuzz.broken),
        "slowest_s": round(fuzz.slowest, 2),
        "growth_mib": round(growth, 1),
    }
    with capsys.disabled():
        print(f"\n{json.dumps(figures)}")
    assert fuzz.broken == [], "\n".join(fuzz.broken[:40])
    assert growth < GROWTH_MIB, f"{growth:.0f} MiB more in the second half"
    assert fuzz.unheard() == {}
    assert all(
        found - {404}
        for key, found in fuzz.statuses.items()
        if key in API and key[0] != "api:nowhere"
    ), "an operation only ever answered 404"


# ── It finds the cases of the issue when they are put back ────────────────


def without_the_reader(playground, patch):
    """Bodies are read, fields kept and errors of the database told as before there were rules."""
    patch.setattr("marketplace.core.json_reader.JSONBody.parse", JSONParser.parse)
    patch.setattr(field_limits, "require_value", lambda field, value: None)
    patch.delitem(problem_json.KNOWN, DataError)


def without_binding(playground, patch):
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


def without_signature(playground, patch):
    """Whatever text is given is taken for a cursor."""

    def trusting(pages):
        text = pages.request.query_params.get("cursor")
        return (
            (None, False) if text is None else tuple(signing.loads(text, salt=paging.__name__)[1:])
        )

    patch.setattr(paging.Pages, "_cursor", trusting)


def without_the_address_check(playground, patch):
    patch.setattr(middleware, "unquote", lambda text: "")
    patch.setattr(middleware, "DataError", Unknown)
    patch.setattr(
        "django.core.validators.ProhibitNullCharactersValidator.__call__", lambda *_: None
    )
    patch.delitem(problem_json.KNOWN, DataError)


class Unknown(Exception):
    pass


def of(playground, name, method="get", **changed):
    return replace(playground.usual(name, method), **changed)


def other_question(playground):
    request = of(playground, "api:model-list")
    (_, cursor), other = request.cursors[0], request.questions[1]
    return replace(request, query=[*other, ("cursor", cursor)])


def cut(playground):
    request = of(playground, "api:model-list")
    return replace(request, query=[("cursor", request.cursors[0][1][:-1])])


# {what was wrong: (how it is put back, who meets it by hand, with which request, what that looks like)}
PUT_BACK = {
    "a cursor of another question": (without_binding, "vera", other_question, "cursor="),
    "a cut cursor": (without_signature, "vera", cut, "cursor="),
    "half a surrogate": (
        without_the_reader,
        "alice",
        lambda world: of(
            world, "api:version-card", "patch", data={"values": {"limitations.text": "\ud800"}}
        ),
        "ud800",
    ),
    "200 000 brackets": (
        without_the_reader,
        "alice",
        lambda world: of(world, "api:version-card", "patch", raw=b"[" * 200_000),
        "[" * 50,
    ),
    "deep JSON": (
        without_the_reader,
        "alice",
        lambda world: of(world, "api:version-card", "patch", raw=b'{"a":' * 100_000),
        '{"a":' * 9,
    ),
    "a null character in the address": (
        without_the_address_check,
        "alice",
        lambda world: of(world, "governance:evidence", query=[("version", "\0")]),
        "=%00",
    ),
}


@pytest.mark.fuzz
@pytest.mark.parametrize("fault", PUT_BACK)
def test_what_is_put_back_is_found(playground, monkeypatch, fault):
    put_back, person, by_hand, looks_like = PUT_BACK[fault]
    assert playground.visit(person, by_hand(playground), playground.looks).status_code < 500
    put_back(playground, monkeypatch)
    assert playground.visit(person, by_hand(playground), playground.looks).status_code >= 500, (
        "it is not back, so that nothing could find it"
    )
    fuzz = Run(playground, looks=len(playground.looks)).go(FOUND_WITHIN, 200, sought=looks_like)
    assert fuzz.found(looks_like), f"not found in {fuzz.number} cases"
    print(f"{fault}: {fuzz.found(looks_like)[0][:300]}")
