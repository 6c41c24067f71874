"""What is sent to Ray Serve, and when nothing needs to be."""

import copy
import socket
import threading
from dataclasses import replace

import pytest

from hosting.drivers import ray, watchdog
from hosting.drivers.base import AppSpec, EngineUnavailable

SPEC = AppSpec(
    name="income-check-1-0-0",
    route="/v2/models/income-check/versions/1.0.0",
    manifest={"model": "income-check"},
    signature="ab",
)
URL = "http://127.0.0.1:26000"


def told(config):
    """What the engine says that it was told: the same, with numbers as it writes them and defaults of its own."""
    applications = copy.deepcopy(config["applications"])
    for application in applications:
        deployment = application["deployments"][0]
        deployment["health_check_period_s"] = float(deployment["health_check_period_s"])
        deployment["autoscaling_config"]["smoothing_factor"] = 1.0
    return {
        "applications": {
            application["name"]: {"deployed_app_config": application}
            for application in applications
        }
    }


def test_what_the_engine_has_is_not_sent_again():
    wanted = ray.config([SPEC], URL)
    assert not ray._differs(told(wanted), wanted)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("health_check_timeout_s",), 1),
        (("max_queued_requests",), 1),
        (("autoscaling_config", "max_replicas"), 9),
        (("autoscaling_config", "upscale_delay_s"), 30),
        (("ray_actor_options", "num_cpus"), 2),
    ],
)
def test_a_difference_in_what_we_set_is_sent(where, value):
    """Also of how often replicas are looked at: an engine that runs on gets it with the next release of the portal."""
    wanted = ray.config([SPEC], URL)
    has = told(wanted)
    part = has["applications"][SPEC.name]["deployed_app_config"]["deployments"][0]
    for name in where[:-1]:
        part = part[name]
    part[where[-1]] = value
    assert ray._differs(has, wanted)


def test_replicas_run_on_while_a_new_controller_gets_to_know_them():
    replicas = [
        {"replica_id": state, "state": state, "pid": 7}
        for state in ("RUNNING", "RECOVERING", "STARTING", "STOPPING")
    ]
    app = ray._seen_app(
        "check",
        {
            "status": "DEPLOYING",
            "deployments": {ray.DEPLOYMENT: {"replicas": replicas, "target_num_replicas": 2}},
        },
    )
    assert [replica.replica_id for replica in app.running] == ["RUNNING", "RECOVERING"]


def test_a_version_that_is_there_and_not_wanted_is_a_difference():
    assert ray._differs(told(ray.config([SPEC], URL)), ray.config([], URL))


def test_a_hung_replica_is_given_up_within_five_seconds_and_a_starved_one_not_within_a_minute():
    """The watchdog ends the first (docs/reliability.md, F14), whose death Ray misses at once: a check waits for its answer by then. Ray
    itself gives up after three late answers in a row (issue 8, line 6)."""
    (deployment,) = ray.config([SPEC], URL)["applications"][0]["deployments"]
    assert watchdog.LATE_S + watchdog.SILENT_S + 3 * watchdog.LOOK_EVERY_S <= 5
    assert 1.1 * deployment["health_check_period_s"] < watchdog.LATE_S + watchdog.SILENT_S
    assert 3 * deployment["health_check_timeout_s"] >= 60


def test_a_version_that_sleeps_is_told_to_start_without_a_replica_and_nobody_is_told_twice():
    """How many replicas it began with is a matter of the past for one that the engine has (issue 8, line 7)."""
    asleep = ray.config([replace(SPEC, min_replicas=0, starts_asleep=True)], URL)
    awake = ray.config([replace(SPEC, min_replicas=0)], URL)
    assert [first_replicas(config) for config in (asleep, awake)] == [0, 1]
    assert not ray._differs(told(awake), ray._as_begun(asleep, told(awake)))
    assert ray._differs(
        told(awake), ray._as_begun(ray.config([replace(SPEC, min_replicas=1)], URL), told(awake))
    )


def first_replicas(config):
    return config["applications"][0]["deployments"][0]["autoscaling_config"]["initial_replicas"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
    ],
)
def test_a_control_interface_that_dies_in_the_middle_of_an_answer_is_away(tmp_path, answer):
    token = tmp_path / "token"
    token.write_text("secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        answering = threading.Thread(target=answer_once, args=(server, answer))
        answering.start()
        engine = ray.RayDriver(f"http://127.0.0.1:{server.getsockname()[1]}", URL, token, [])
        with pytest.raises(EngineUnavailable):
            engine.status()
        answering.join()


def answer_once(server, answer):
    connection, _address = server.accept()
    with connection:
        connection.recv(1 << 16)
        connection.sendall(answer)
