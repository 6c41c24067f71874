"""Issue 8, line 5: what is answered is what the OpenAPI document says, for every operation and everybody who gets an answer."""

import json
import re

import pytest
from django.db import transaction
from django.urls import reverse
from jsonschema import Draft202012Validator, FormatChecker

from marketplace.api import document as openapi_document
from tests import endpoints_of_adoption as of_adoption
from tests import endpoints_of_people as of_people
from tests.endpoint_permissions import API, BODIES, PEOPLE
from tests.test_endpoint_permissions import filled, fixtures  # noqa: F401  (a fixture)

UNDESCRIBED = ("api:schema", "api:docs", "api:nowhere")


@pytest.fixture(scope="module")
def document():
    """The schema as programs read it: through JSON."""
    return json.loads(json.dumps(openapi_document(), default=str))


def operation_at(document, path, method):
    """The operation that serves this path: the one with the fewest placeholders."""
    fitting = [
        known for known in document["paths"] if re.fullmatch(re.sub(r"{\w+}", "[^/]+", known), path)
    ]
    return document["paths"][min(fitting, key=lambda known: known.count("{"))][method]


def one_for_each_answer(fixtures, codes):  # noqa: F811
    """{person: client}: the first one of each status of the permission table, which test_endpoint_permissions asks of everybody."""
    first = {code: person for person, code in reversed(list(zip(PEOPLE, codes, strict=True)))}
    return {person: fixtures.clients[person] for person in first.values()}


def problems(document, schema, value):
    whole = {**schema, "components": document["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [
        f"{'.'.join(map(str, error.path))}: {error.message[:200]}"
        for error in validator.iter_errors(value)
    ]


def one_of_each_kind():
    """The first operation of the table for each method and each set of answers to it."""
    first = {
        (method, codes): (name, method) for (name, method), (_, codes) in reversed(API.items())
    }
    return {row: API[row] for row in first.values()}


def test_an_answer_of_each_kind_is_what_the_document_says(fixtures, document):  # noqa: F811
    answers_as_described(fixtures, document, one_of_each_kind())


def answers_as_described(fixtures, document, operations):  # noqa: F811
    """Those of these operations that did what was asked; the test fails where one answers as nowhere described."""
    wrong, answered = [], set()
    for (name, method), (thing, codes) in operations.items():
        if name in UNDESCRIBED:
            continue
        path = reverse(name, kwargs=fixtures.arguments(thing))
        operation = operation_at(document, path, method)
        sent = {} if method == "get" else {"data": filled(fixtures, BODIES.get(name, {}))}
        for person, client in one_for_each_answer(fixtures, codes).items():
            with transaction.atomic():
                response = getattr(client, method)(path, **sent, content_type="application/json")
                transaction.set_rollback(True)
            described = operation["responses"].get(
                str(response.status_code), operation["responses"]["default"]
            )
            content = described.get("content", {}).get(
                response.headers.get("Content-Type", "").split(";")[0]
            )
            if response.status_code == 204:
                assert not response.content
            elif content is None:
                wrong.append(
                    f"{method} {path} as {person}: {response.status_code} {response.headers.get('Content-Type')} is not described"
                )
            elif content["schema"].get("format") == "binary":
                assert response.content
            else:
                wrong += [
                    f"{method} {path} as {person}: {problem}"
                    for problem in problems(document, content["schema"], response.json())
                ]
            if response.status_code < 300:
                answered.add((name, method))
    assert wrong == [], "\n".join(sorted(set(wrong))[:40])
    return answered


@pytest.mark.slow
def test_every_answer_is_what_the_document_says(fixtures, document):  # noqa: F811
    answered = answers_as_described(fixtures, document, API)
    never = set(API) - answered - {(name, "get") for name in UNDESCRIBED}
    assert {
        name for name, _ in never
    } - of_people.ANSWERED_ELSEWHERE - of_adoption.ANSWERED_ELSEWHERE <= {
        "api:version-publish",
        "api:quality-finding-send-back",
        "api:succession-list",
        "api:version-resume",
        "api:version-artifacts",
        "api:deployment-start",
        "api:deployment-roll-back",
        "api:batch-evaluation-answers",
        "api:batch-evaluation-list",
        "api:batch-evaluation-share",
        "api:batch-evaluation-start",
        "api:collection-publish",
        "api:change-decide",
        "api:subscription-list",
        "api:subscription-release",
        "api:subscription-roll-back",
        "api:version-columns",
        "api:version-confirm-names",
        "api:version-renew",
        "api:version-extend",
        "api:condition-confirm",
        "api:credential",
        "api:condition-send-back",
        "api:evaluation-run-list",
        "api:model-detail",
        "api:review-hand-over",
        "api:role-change-list",
        "api:role-change-decide",
        "api:policy-change-list",
        "api:policy-change-decide",
        "api:policy-change-withdraw",
        "api:waiver-decide",
        "api:retirement-waiver-decide",
        "api:retirement-waiver-list",
        "api:version-retire",  # a second one waits; its notice runs: tests/publishing/test_ends.py
        "api:version-gate-runs",
        "api:version-run-example",
        "api:model-version-publication",
        "api:waiver-list",
        "api:statement-close",  # finance's: tests/consumption/test_statements.py
        "api:dispute-list",
        "api:reuse-event-confirm",  # a lead's, and finance's: tests/insights/test_value_pages.py
        "api:reuse-event-reject",
        "api:signed-quarter-list",
        "api:value-claim-confirm",
        "api:value-claim-validate",
        "api:value-claim-reject",
        "api:shared-cost-list",
        "api:shared-cost-end",
        "api:charging-list",
        "api:subscription-again",  # they need states that one fixture has not: their own tests
        "api:subscription-confirm",
        "api:use-review-approve",
        "api:use-review-refuse",
        "api:key-resume",
        "api:webhook-confirm",
        "api:webhook-disable",
        "api:webhook-replay",
        "api:webhook-delivery-replay",
        "api:dispute-answer",
        "api:rollout-restart",  # tests/consumption/test_rollouts.py
        "api:comparisons",  # its models are in the query: tests/insights/test_comparison.py
    }, sorted(never)


@pytest.mark.parametrize(
    "operations",
    [one_of_each_kind(), pytest.param(API, marks=pytest.mark.slow)],
    ids=["few", "all"],
)
def test_every_422_names_its_field(fixtures, operations):  # noqa: F811
    """An empty object, and one with a member that nobody knows, to every operation that writes."""
    for (name, method), (thing, codes) in operations.items():
        if method == "get" or name in UNDESCRIBED:
            continue
        path = reverse(name, kwargs=fixtures.arguments(thing))
        for body in (
            {},
            filled(fixtures, BODIES.get(name, {})) | {"no_such_member": 1},
        ):
            for client in one_for_each_answer(fixtures, codes).values():
                with transaction.atomic():
                    response = getattr(client, method)(path, body, content_type="application/json")
                    transaction.set_rollback(True)
                if response.status_code == 422:
                    problem = response.json()
                    assert problem.get("field") or all(
                        error.get("field") for error in problem.get("errors") or [{}]
                    ), (path, body, problem)


def test_null_is_a_value_of_what_is_tried(document):
    """Found by fuzz: null fitted two branches of which exactly one may fit."""
    schema = document["components"]["schemas"]["TryWanted"]
    for value in (None, 1, "a", [None], {"b": None}):
        assert problems(document, schema, {"request": {"inputs": value}}) == []
    answered = document["components"]["schemas"]["TryAnswered"]["properties"]["answer"]
    assert problems(document, answered, {"outputs": None}) == []
    assert problems(document, answered, None) == []


def test_no_schema_has_two_branches_for_null(document):
    """`{}` takes everything, null included."""
    both = [{}, {"type": "null"}]

    def nodes(value):
        yield value
        children = value.values() if isinstance(value, dict) else value
        for child in children if isinstance(value, dict | list) else ():
            yield from nodes(child)

    assert not [
        node for node in nodes(document) if isinstance(node, dict) and node.get("oneOf") == both
    ]


def test_a_long_label_is_refused_at_the_limit_that_is_described(fixtures, document):  # noqa: F811
    """Found by fuzz: the document says 100 characters, and more were taken in and refused row by row."""
    schema = document["components"]["schemas"]["OutcomesGiven"]
    for length, status in ((100, 200), (101, 422), (100_000, 422)):
        body = {"outcomes": [{"request_id": fixtures.request_id, "actual": "x" * length}]}
        with transaction.atomic():
            answer = fixtures.clients["maya"].post(
                "/api/v1/feedback/", body, content_type="application/json"
            )
            transaction.set_rollback(True)
        assert (answer.status_code, bool(problems(document, schema, body))) == (
            status,
            status == 422,
        )
    [error] = answer.json()["errors"]
    assert error["field"] == "outcomes.0.actual"


@pytest.mark.django_db  # so that the database is set up for the whole module
def test_me_is_an_object(document):
    schema = document["paths"]["/api/v1/me/"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    assert schema == {"$ref": "#/components/schemas/Myself"}


def test_no_enumeration_lacks_what_is_answered(document):
    """The empty text where a choice was not made, null where there may be none."""
    counterfactual = document["components"]["schemas"]["SubscriptionRow"]["properties"][
        "counterfactual"
    ]
    assert Draft202012Validator({**counterfactual, "components": document["components"]}).is_valid(
        ""
    )
