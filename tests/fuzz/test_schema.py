"""schemathesis against the portal's schema, as each role: one operation at a time, and along the schema's links (issue 8, line 4).

Hypothesis draws what the schema allows and what it forbids; half of the cases get the world's real ids, so that every operation
is reached. FUZZ_EXAMPLES cases for each operation and way (8); FUZZ_SECONDS bounds the whole.
"""

import json
import os
import random
import re
import time
from collections import defaultdict

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance

from marketplace.core.requests import PortalHandler
from tests.endpoint_permissions import API
from tests.fuzz.playground import LONGEST_S, REFUSALS, SECONDS
from tests.portal import CSRF
from tests.test_endpoint_permissions import routes

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
ROLES = [
    "alice",
    "maya",
    "charlie",
    "rita",
    "evan",
    "sam",
    "gus",
    "mira",
    "otto",
    "vera",
    "finn",
    "anonymous",
]
CHECKS = [not_a_server_error, response_schema_conformance]
QUIET = dict(
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


def sign_in(playground, person):
    session = playground.clients[person].cookies.get("sessionid")
    cookies = {"csrftoken": CSRF} | ({"sessionid": session.value} if session else {})
    return {"cookies": cookies, "headers": {"X-CSRFToken": CSRF}}


def paths():
    """{name of a route of the API: its path, {} for each argument}"""
    return {
        name: re.sub(r"\(\?P<\w+>[^)]*\)", "{}", f"/api/v1/{str(pattern.pattern).strip('^$')}")
        for name, pattern in routes()
    }


def real_places(playground):
    """{path: the world's arguments for it}"""
    things = {name: thing for (name, _), (thing, _) in API.items() if thing}
    return {
        path: list(playground.arguments(things[name]).values())
        for name, path in paths().items()
        if name in things
    }


def who_gets_furthest(playground):
    """{(method, path): the person for whom a valid request does most}"""
    found = paths()
    return {
        (method.upper(), found[name]): playground.welcome(name, method)[0]
        for name, method in API
        if name in found
    }


class Walk:
    """What was asked and answered."""

    def __init__(self, playground):
        self.playground, self.places = playground, real_places(playground)
        self.statuses, self.cases, self.dice = defaultdict(set), 0, random.Random(8)
        self.ends = time.monotonic() + SECONDS

    def put_real_ids(self, case):
        values = self.places.get(re.sub(r"{\w+}", "{}", case.operation.path))
        is_reached = self.statuses[case.operation.method.upper(), case.operation.path] - REFUSALS
        if values and (not is_reached or self.dice.random() < 0.5):
            case.path_parameters = dict(zip(case.path_parameters, values, strict=True))

    def call(self, case, **sent):
        began = time.perf_counter()
        response = case.call(**sent)
        took = time.perf_counter() - began
        self.cases += 1
        self.statuses[case.operation.method.upper(), case.operation.path].add(response.status_code)
        assert took < LONGEST_S, f"{took:.1f} s: {case.as_curl_command()[:500]}"
        return response


@pytest.fixture
def schema(playground):
    document = SchemaGenerator().get_schema(request=None, public=True)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(document, default=str)))
    schema.app = PortalHandler()
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # the test's transaction is in it
    yield schema
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.fuzz
def test_each_operation_as_each_role(playground, schema):
    walk = Walk(playground)
    operations = [result.ok() for result in schema.get_all_operations()]
    furthest = who_gets_furthest(playground)
    for place, operation in enumerate(operations):
        method, path = operation.method.upper(), re.sub(r"{\w+}", "{}", operation.path)
        first = furthest.get((method, path), "maya")
        for role in dict.fromkeys(
            (first, "alice", ROLES[place % len(ROLES)], ROLES[(place + 5) % len(ROLES)])
        ):
            for mode in GenerationMode:
                _visit(walk, operation, sign_in(playground, role), mode)
    _told(walk, operations)


@pytest.mark.fuzz
def test_along_the_links_as_each_role(playground, schema):
    """Stateful: a list's or a new thing's id goes into the operations that its links name."""
    walk = Walk(playground)
    for role in ROLES:
        if time.monotonic() < walk.ends:
            _machine(walk, schema, sign_in(playground, role)).run(
                settings=settings(max_examples=EXAMPLES, stateful_step_count=12, **QUIET)
            )
    _told(walk, [])


def _visit(walk, operation, sent, mode):
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=EXAMPLES, **QUIET)
    def visit(case):
        if time.monotonic() > walk.ends:
            return
        walk.put_real_ids(case)
        with transaction.atomic():
            response = walk.call(case, **sent)
            transaction.set_rollback(True)
        case.validate_response(response, checks=CHECKS)

    visit()


def _machine(walk, schema, sent):
    class Machine(schema.as_state_machine()):
        def setup(self):
            self.taken_back = transaction.atomic()
            self.taken_back.__enter__()

        def teardown(self):
            transaction.set_rollback(True)
            self.taken_back.__exit__(None, None, None)

        def call(self, case, **_):
            return walk.call(case, **sent)

        def validate_response(self, response, case, **_):
            case.validate_response(response, checks=CHECKS)

    return Machine


def _told(walk, operations):
    asked = {(operation.method.upper(), operation.path) for operation in operations}
    lost = sorted(key for key in asked if not walk.statuses[key] - REFUSALS)
    print(
        json.dumps({"cases": walk.cases, "operations": len(walk.statuses), "never_reached": lost})
    )
    assert lost == []
