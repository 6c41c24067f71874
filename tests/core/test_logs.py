"""Log lines: JSON for a log store, never a flood, and the id of the request that caused them."""

import json
import logging
import re
import subprocess
import sys
import time

import pytest
from celery import current_app
from django.db import transaction
from django.test import Client

from marketplace.audit.models import AuditEvent
from marketplace.core import background, logs, request_ids
from marketplace.core.request_ids import RequestIdFilter
from tests import factories
from tests.stack import WORKER_REDIS, on_redis


def record(message="%s calls", *args, **extra):
    made = logging.makeLogRecord(
        {
            "name": "hosting.gateway.call",
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            "msg": message,
            "args": args,
        }
    )
    made.__dict__.update(extra)
    return made


def test_a_json_line_is_one_object_with_the_id_and_the_traceback():
    request_ids.begin("request-12345")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        made = record("%s “calls”", 3, exc_info=sys.exc_info())
    RequestIdFilter().filter(made)
    [line] = logs.JsonFormatter().format(made).splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == (
        "WARNING",
        "hosting.gateway.call",
        "3 “calls”",
    )
    assert told["request_id"] == "request-12345" and "ValueError: two\nlines" in told["error"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", told["at"])


def test_a_record_that_names_its_own_id_keeps_it():
    request_ids.begin("another-one")
    made = record(request_id="of-the-call")
    RequestIdFilter().filter(made)
    assert made.request_id == "of-the-call"


def test_a_flood_of_lines_is_cut_and_told():
    now = [100.0]
    filtered = logs.RateLimit(3, clock=lambda: now[0])
    assert [filtered.filter(record()) for _ in range(10)] == [True] * 3 + [False] * 7
    now[0] += 1
    first = record("%s calls", 5)
    assert (
        filtered.filter(first)
        and first.getMessage() == "5 calls (7 more lines like it were left out)"
    )
    now[0] += 1
    quiet = record("%s calls", 5)
    assert filtered.filter(quiet) and quiet.getMessage() == "5 calls"


def test_the_setting_is_checked_at_start():
    with pytest.raises(ValueError, match="line or json"):
        logs.configuration("xml", "INFO")


@pytest.mark.parametrize("form", ["line", "json"])
def test_a_process_writes_the_chosen_form(form):
    code = f"import logging, logging.config; from marketplace.core import logs; logging.config.dictConfig(logs.configuration({form!r}, 'INFO'))"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nlogging.getLogger('x').info('hello')"],
        capture_output=True,
        text=True,
        check=True,
    )
    line = done.stderr.strip().splitlines()[-1]
    if form == "json":
        assert json.loads(line)["message"] == "hello"
    else:
        assert line.endswith("INFO x [-] hello")


@pytest.mark.django_db
def test_a_portal_request_names_its_record_its_answer_and_its_error_page(client):
    request_ids.begin("the-one-before")
    client.force_login(factories.alice())
    sent = {"team": factories.lending().pk, "name": "Lending desk", "environment": "prod"}
    answer = client.post("/applications/new/", sent, headers={"X-Request-Id": "from-a-balancer-1"})
    assert answer["X-Request-Id"] == "from-a-balancer-1"
    assert AuditEvent.objects.filter(request_id="from-a-balancer-1").exists()
    assert (
        "from-a-balancer-2"
        in Client()
        .get("/no/such/page/", headers={"X-Request-Id": "from-a-balancer-2"})
        .content.decode()
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_background_work_has_the_id_of_the_request_that_caused_it(worker, monkeypatch):
    """Sent by the portal's own enqueue, run by a real worker: the worker's lines name the request."""
    sender = current_app.connection_for_write(on_redis(WORKER_REDIS))
    real = current_app.send_task
    monkeypatch.setattr(
        current_app, "send_task", lambda name, **how: real(name, connection=sender, **how)
    )
    request_ids.begin("caused-it-4711")
    with transaction.atomic():
        background.enqueue("audit.sequence", False)
        request_ids.begin("a-later-request")
    log = worker.run.path / "logs" / "worker.log"
    until = time.monotonic() + 30
    while (
        time.monotonic() < until and "[caused-it-4711] Task audit.sequence" not in log.read_text()
    ):
        time.sleep(0.2)
    assert re.search(
        r"\[caused-it-4711\] Task audit\.sequence\[[0-9a-f-]+\] succeeded", log.read_text()
    )
