"""A Celery worker is killed in the middle of a batch evaluation: the next one goes on, and nothing is answered twice or lost."""

import time

import pytest
from celery import current_app

from consumption import actions
from consumption.evaluations.files import folder_of
from marketplace.launcher.rundir import RunDir
from tests import factories
from tests.consumption import evaluating
from tests.consumption.test_workers_die import kill
from tests.gateway import until
from tests.stack import WORKER_REDIS, on_redis, worker_on_test_database

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.chaos, pytest.mark.fault("F7")]
ROWS, KILLS = 80_000, 3


@pytest.fixture
def supervisor(tmp_path, settings):
    """A real worker; this process keeps its files where the worker's are, under the same secret."""
    folder = tmp_path / "killable"
    with worker_on_test_database(folder) as supervisor:
        run = RunDir(folder / "run")
        settings.SECRET_KEY = run.secret("secret_key").read_text().strip()
        settings.EVALUATION_ROOT = str(run.path / "evaluations")
        settings.ARTIFACT_ROOT = str(run.path / "artifacts")
        settings.STORAGES = settings.STORAGES | {
            "artifacts": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": settings.ARTIFACT_ROOT},
            }
        }
        yield supervisor


def send(name, evaluation):
    broker = current_app.connection_for_write(on_redis(WORKER_REDIS))
    current_app.send_task(name, args=[evaluation.pk], connection=broker)


def test_a_run_goes_on_where_its_worker_was_killed(supervisor, injected_faults, tmp_path):
    version = evaluating.live(tmp_path)
    found = evaluating.uploaded(evaluating.amounts(ROWS), [version])
    found = evaluating.checked(evaluating.read(found))
    actions.start_evaluation(factories.maya(), found)
    written = {}
    for _ in range(KILLS):
        before = evaluating.again(found).answers_done
        send("publishing.run_evaluation", found)
        until(
            lambda before=before: (
                supervisor.tick() or evaluating.again(found).answers_done > before
            ),
            60,
        )
        time.sleep(0.3)
        kill(supervisor)
        ended = evaluating.again(found)
        injected_faults.add(int(ended.state == "running"))
        for path in folder_of(found).glob("answers-*"):
            if not path.name.endswith(".new"):
                written.setdefault(path.name, path.stat().st_mtime_ns)
    send("publishing.run_evaluation", found)
    until(lambda: supervisor.tick() or evaluating.again(found).state == "succeeded", 120)
    done = evaluating.again(found)
    assert done.results["used"] == ROWS and done.answers_done == ROWS
    kept = {path.name: path.stat().st_mtime_ns for path in folder_of(found).glob("answers-*")}
    assert written and {name: kept[name] for name in written} == written  # none was done again
