"""The fixtures of the fuzz tier: every operation and page as a valid request, everybody who may send it, and runs of odd cases over them."""

import copy
import ctypes
import gc
import json
import logging
import os
import random
import re
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection, transaction
from django.template.base import Template
from django.test import Client
from django.urls import NoReverseMatch, reverse
from jsonschema import Draft202012Validator

from marketplace.api import document
from marketplace.core.requests import PortalRequest
from tests import factories
from tests.endpoint_permissions import API, BODIES, PAGES, PEOPLE
from tests.fuzz.mutations import Mutator, Request, sweep
from tests.soak.growth import held
from tests.test_endpoint_permissions import EndpointFixtures, filled

SEED = int(os.environ.get("FUZZ_SEED", "8"))
SECONDS = int(os.environ.get("FUZZ_SECONDS", "1800"))
LONGEST_S = 5.0
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
# Pages of allauth and of the framework, which have no row in the table of endpoints.
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


class Playground(EndpointFixtures):
    """The fixtures of all endpoints, with everybody in it, and every operation (or those called `only`) as a valid request to begin with."""

    def __init__(self, only=()):
        super().__init__()
        for name in MORE_PEOPLE:
            self.people[name] = getattr(factories, name)()
            self.clients[name] = Client()
            self.clients[name].force_login(self.people[name])
        for client in self.clients.values():
            client.raise_request_exception = False
        self.schema = document()
        self.contracts = {}  # {(method, path): validator of the document that it takes}
        self.operations = [*self._doors(only), *self._others(only)]
        self.looks = [
            reverse(name, kwargs=self.arguments((PAGES | API)[name, "get"][0])) for name in LOOKS
        ]
        self.parameters = sorted(
            {name for _, request in self.operations for name in request.parameters}
            | {"window", "span", "page", "next"}
        )

    def visit(self, person, request, looks=()):
        """(status, what is wrong with the answer or ""); what the visit did is taken back.

        An accepted write must be one that the contract allows, and the pages `looks` must show what it wrote.
        """
        client = self._like(self.clients[person])
        for name, value in request.cookies.items():
            client.cookies[name] = value
        with transaction.atomic():
            response = self._send(client, request)
            is_away = request.path.startswith("/sandbox/") and response.status_code == 503
            is_broken = response.status_code >= 500 and not is_away  # no gateway runs here
            complaint = str(response.status_code) if is_broken else ""
            if response.status_code < 400 and request.method.upper() in WRITES:
                complaint = self._breach(request) or self._broken_look(client, request, looks)
            transaction.set_rollback(True)
        return response.status_code, complaint

    @staticmethod
    def _send(client, request):
        body, content_type = request.body()
        return client.generic(
            request.method.upper(),
            request.address,
            body,
            content_type,
            headers=_sendable(request.headers),
        )

    def _breach(self, request):
        """How an accepted document differs from what the contract of its operation allows, or ""."""
        contract = self.contracts.get((request.method, request.path))
        if contract is None or request.raw is not None:
            return ""
        error = next(contract.iter_errors(request.data), None)
        return f"against the contract: {error.json_path} {error.message[:200]}" if error else ""

    @staticmethod
    def _broken_look(client, request, looks):
        if request.cookies:
            return ""
        answers = ((path, client.get(path).status_code) for path in looks)
        return next((f"{path} {status} after it" for path, status in answers if status >= 500), "")

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

    def _doors(self, only):
        for (name, method), (thing, _) in (PAGES | API).items():
            if only and name not in only:
                continue
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

    def _others(self, only):
        for name, data in OTHERS:
            if only and name not in only:
                continue
            try:
                yield name, Request("post" if data else "get", reverse(name), False, data)
            except NoReverseMatch:
                continue

    def _learn(self, request):
        """What the schema and the list itself say of an operation."""
        operation = self._operation(request)
        parameters = {
            one["name"]: one["schema"]
            for one in operation.get("parameters", ())
            if one["in"] == "query"
        }
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        name = body.get("schema", {}).get("$ref", "").rpartition("/")[2]
        members = self.schema["components"]["schemas"].get(name, {}).get("properties", {})
        request.parameters, request.members = tuple(parameters), tuple(members)
        if body:
            document = body["schema"] | {"components": self.schema["components"]}
            self.contracts[request.method, request.path] = Draft202012Validator(document)
        if request.method == "get" and "cursor" in parameters:
            request.questions = tuple(islice(_questions(parameters), 4))
            request.cursors = tuple(self._cursors(request))

    def _operation(self, request):
        """The schema's operation that a request is one of; empty for those that it does not list."""
        for path, item in self.schema["paths"].items():
            pattern = re.sub(r"{\w+}", "[^/]+", path)
            if request.method in item and re.fullmatch(pattern, request.path):
                return item[request.method]
        return {}

    def _cursors(self, request):
        """(question, cursor) of the list's questions, as the first person has them whose list goes on after one row."""
        for person in ("otto", "alice", "vera"):
            cursors = [
                (question, cursor)
                for question in request.questions
                if (cursor := self._cursor(person, request, question))
            ]
            if cursors:
                return cursors
        return []

    def _cursor(self, person, request, question):
        page = self.clients[person].get(request.path, dict(question) | {"page_size": 1})
        following = page.json()["next"] if page.status_code == 200 else None
        return parse_qs(urlsplit(following).query)["cursor"][0] if following else ""


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


class Run:
    """Cases of one seed. Of four numbers two are places of the sweep, in an order drawn by lot, until all have been visited; all others
    are drawn by the mutator. `looks` says how many pages are looked at after an accepted write.
    """

    def __init__(self, playground, seed=SEED, looks=1):
        self.playground, self.seed, self.looks = playground, seed, looks
        self.swept = [
            (name, usual, one) for name, usual in playground.operations for one in sweep(usual)
        ]
        random.Random(seed).shuffle(self.swept)
        self.statuses, self.answers = defaultdict(set), defaultdict(Counter)
        self.broken, self.slowest, self.cases = [], 0.0, 0

    def go(self, numbers, seconds=SECONDS, sought=""):
        """Visit the cases of these numbers for so many seconds at most, or until one breaks that holds the text `sought`."""
        ends = time.monotonic() + seconds
        for number in numbers:
            if time.monotonic() > ends or self.found(sought):
                break
            self._visit(number)
        return self

    def found(self, sought):
        """What broke and holds the text `sought`."""
        return [line for line in self.broken if sought and sought in line]

    def case(self, number):
        """(name, valid request, person, request to send)"""
        dice = Mutator(f"{self.seed} {number}", self.playground.parameters)
        place, is_drawn = number // 4 * 2 + number % 4, number % 4 > 1
        if not is_drawn and place < len(self.swept):
            name, usual, request = self.swept[place]
            return name, usual, dice.choice(self.playground.welcome(name, usual.method)), request
        name, usual = dice.choice(self.playground.operations)
        people = (
            self.playground.welcome(name, usual.method)
            if dice.randrange(2)
            else list(self.playground.clients)
        )
        return name, usual, dice.choice(people), dice.mutate(copy.deepcopy(usual))

    def note(self, number, case, status, complaint, seconds):
        """Keep what an answer says. A case breaks by a complaint, or by lasting too long."""
        name, usual, person, request = case
        self.cases += 1
        self.statuses[name, usual.method].add(status)
        self.answers[person][status] += not request.cookies
        self.slowest = max(self.slowest, seconds)
        if complaint or seconds > LONGEST_S:
            self.broken.append(
                f"seed {self.seed} case {number}: {person} {name} {status} {complaint} {seconds:.1f} s {_shown(request)}"
            )

    def strangers(self):
        """People whom the portal mostly did not know, so that they tested nothing."""
        return {
            person: codes
            for person, codes in self.answers.items()
            if person != "anonymous" and codes[401] > codes.total() / 5
        }

    def never_reached(self):
        """Operations that only ever answered 404."""
        return [
            key
            for key, statuses in self.statuses.items()
            if key in API and key[0] != "api:nowhere" and not statuses - {404}
        ]

    def _visit(self, number):
        case = self.case(number)
        looks = random.Random(number).sample(self.playground.looks, self.looks)
        began = time.perf_counter()
        status, complaint = self.playground.visit(case[2], case[3], looks)
        self.note(number, case, status, complaint, time.perf_counter() - began)


def _shown(request):
    body, content_type = request.body()
    return f"{request.method} {request.address[:300]} {content_type} {body[:300]!r} {request.headers} {request.cookies}"[
        :1200
    ]


# ── Processes that share the work ─────────────────────────────────────────


@dataclass
class Share:
    """What one process did: `run` of its cases, and its memory (MiB) after the first quarter and at the end."""

    cases: int
    swept: int
    statuses: dict
    people: set
    broken: list
    strangers: dict
    never_reached: list
    slowest: float
    first_mib: float
    last_mib: float


def visit_share(database, numbers):
    """Visit the cases of these numbers on a database of this process's own."""
    connection.settings_dict["NAME"] = database
    with built() as playground:
        playground.learn_forms()
        gc.freeze()
        run, quarter = Run(playground), len(numbers) // 4
        run.go(numbers[:quarter], SECONDS / 4)
        first = memory_mib()
        run.go(numbers[quarter:], SECONDS * 3 / 4)
        return Share(
            run.cases,
            len(run.swept),
            dict(run.statuses),
            set(run.answers),
            run.broken,
            run.strangers(),
            run.never_reached(),
            run.slowest,
            first,
            memory_mib(),
        )


def memory_mib(pid=0):
    """What a process holds; where it is this one, after a look for garbage, and without what the C library keeps of what was freed."""
    if not pid:
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
    return round(held(pid or os.getpid())[0] / 2**20, 1)


@contextmanager
def scratch_database(suffix):
    """The name of a copy of the test database."""
    connection.close()
    connection.close_pool()
    connection.creation.clone_test_db(suffix, verbosity=0)
    try:
        yield connection.creation.get_test_db_clone_settings(suffix)["NAME"]
    finally:
        connection.close()
        connection.close_pool()
        connection.creation.destroy_test_db(suffix=suffix, verbosity=0)


@contextmanager
def built(only=(), is_kept=False):
    """A Playground in a transaction that is taken back, unless `is_kept`.

    Its clients make the portal's own requests (marketplace/wsgi.py), and keep no copy of what a page was rendered with.
    """
    logging.disable(logging.CRITICAL)  # pytest would keep every line, and each line its request
    try:
        with pytest.MonkeyPatch.context() as patch, transaction.atomic():
            patch.setattr("django.test.client.WSGIRequest", PortalRequest)
            patch.setattr(
                Template, "_render", lambda template, context: template.nodelist.render(context)
            )
            yield Playground(only)
            transaction.set_rollback(not is_kept)
    finally:
        logging.disable(logging.NOTSET)
