"""The gateway's figures for Prometheus, and the one id of a call in every place that tells of it."""

import json
import re
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hosting import gateway_metrics
from hosting.gateway.metering import exporter, metrics, metrics_server, sliding_hour
from tests.gateway import Gateway, answer, answer_ok, free_port, infer_path, subscriber, until
from tests.hosting.prometheus import faults

LINES = """gateway_calls_total{worker="0",version="7",outcome="ok"} 5
gateway_in_flight{worker="0"} 1
gateway_call_seconds_bucket{worker="0",le="0.5"} 4
gateway_call_seconds_bucket{worker="0",le="+Inf"} 5
gateway_call_seconds_sum{worker="0"} 1.5
gateway_call_seconds_count{worker="0"} 5
gateway_calls_total{worker="1",version="7",outcome="ok"} 6
gateway_in_flight{worker="1"} 2
"""


def test_families_of_several_workers_are_told_in_one_piece():
    text = exporter.exposition(LINES).decode()
    assert faults(text) == []
    calls = [line for line in text.splitlines() if line.startswith("gateway_calls_total{")]
    assert [line[-15:] for line in calls] == ['worker="0"} 5.0', 'worker="1"} 6.0']
    assert text.index(calls[1]) < text.index("# TYPE gateway_in_flight gauge")
    kinds = {family.name: family.type for family in text_string_to_metric_families(text)}
    assert kinds == {
        "gateway_call_seconds": "histogram",
        "gateway_calls": "counter",
        "gateway_in_flight": "gauge",
    }


def test_the_reader_finds_faults():
    """As promtool would: without words and kinds, and with a family in two pieces."""
    assert any("no type" in fault for fault in faults(LINES))
    twice = 2 * exporter.exposition(LINES).decode()
    assert any("told twice" in fault for fault in faults(twice)) and any(
        ": twice" in fault for fault in faults(twice)
    )


def test_the_internal_port_tells_metrics_and_nothing_else(tmp_path, monkeypatch, settings):
    port = free_port()
    monkeypatch.setenv("GATEWAY_ADMIN_PORT", str(port))
    metrics.publish(tmp_path, 0, LINES)
    metrics_server.serve(tmp_path)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as told:
        assert (
            told.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            and faults(told.read().decode()) == []
        )
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    settings.GATEWAY_METRICS_URL = f"http://127.0.0.1:{port}/metrics"
    assert gateway_metrics.report().in_flight == 3, "a portal on another machine reads the same"


def test_the_last_hour_forgets_minute_by_minute():
    lately = sliding_hour.SlidingHour()
    lately.add("rate", 30.0)
    lately.add("rate", 3500.0)
    lately.add("quota", 3599.0)
    assert dict(lately.counts(3599.0)) == {"rate": 2, "quota": 1}
    assert dict(lately.counts(3600.0)) == {"rate": 1, "quota": 1}, (
        "the minute of the first one is over an hour ago"
    )
    assert dict(lately.counts(10_000.0)) == {}


@pytest.mark.xdist_group("gateway_stage")
class TestARealGateway:
    def test_every_family_is_valid_and_has_a_help_text(self, stage):
        version = stage.version()
        _, key = subscriber(version, rate_per_second=1, burst=1)
        until(lambda: stage.gateway.infer(infer_path(version), key)[0] == 200, 5)
        until(lambda: stage.gateway.infer(infer_path(version), key)[0] == 429, 5)
        folder = stage.gateway.folder / "metrics"
        label = f'version="{version.pk}",limit="rate"'
        until(
            lambda: re.search(
                rf"gateway_rejections_last_hour{{worker=\"\d\",{label}}} [1-9]",
                metrics.joined(folder),
            ),
            5,
        )
        text = exporter.exposition_of(folder).decode()
        assert faults(text) == []
        names = {
            line.split()[2].removeprefix("gateway_")
            for line in text.splitlines()
            if line.startswith("# TYPE")
        }
        assert names - exporter.HELP.keys() == set(), "say in exporter.HELP what they count"

    def test_a_failed_call_has_one_id_in_answer_log_and_event(self, stage):
        version = stage.version()
        subscription, key = subscriber(version)
        stage.stub.behave = answer(b"500 Oops")
        _, headers, _ = until(
            lambda: (found := stage.gateway.infer(infer_path(version), key))[0] == 502 and found, 5
        )
        number = headers["x-request-id"]
        log = stage.gateway.folder / "gateway.log"
        until(
            lambda: (
                f"[{number}] {version.model.slug} {version.number} was answered with 502 model-failed"
                in log.read_text()
            ),
            5,
            log.read_text,
        )
        until(lambda: (number, "upstream_error", 0) in stage.called(subscription), 5)
        heads = [head.decode().lower() for head, _ in stage.stub.seen]
        assert any(f"x-request-id: {number}" in head for head in heads), (
            "the engine writes the same id"
        )
        stage.stub.behave = answer_ok

    @pytest.mark.slow
    def test_every_line_is_json_when_a_log_store_reads_them(self, stage, tmp_path, monkeypatch):
        monkeypatch.setenv("LOG_FORMAT", "json")
        version = stage.version()
        _, key = subscriber(version)
        stage.stub.behave = answer(b"500 Oops")
        with Gateway(
            tmp_path, 1, stage.gateway.database_url, stage.gateway.redis_url, stage.stub.host
        ) as gateway:
            _, headers, _ = until(
                lambda: (found := gateway.infer(infer_path(version), key))[0] == 502 and found, 5
            )
        stage.stub.behave = answer_ok
        lines = [json.loads(line) for line in (tmp_path / "gateway.log").read_text().splitlines()]
        [line] = [line for line in lines if line["request_id"] == headers["x-request-id"]]
        assert (line["level"], line["logger"]) == (
            "WARNING",
            "hosting.gateway.call",
        ) and "model-failed" in line["message"]
