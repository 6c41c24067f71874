"""What waits for others has a worker of its own: a slow receiver holds up no roll-up (docs/operations.md)."""

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from marketplace.core import broker
from marketplace.launcher import process_definitions
from marketplace.notices import webhooks
from marketplace.notices.models import Webhook
from tests.gateway import until
from tests.notices import made
from tests.stack import WORKER_REDIS, on_redis, worker_on_test_database


def queue_of(process):
    return process.argv[process.argv.index("--queues") + 1]


def test_each_queue_has_one_process_and_is_counted():
    queues = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    processes = (process_definitions.worker(), process_definitions.sender())
    assert [queue_of(process) for process in processes] == queues == list(broker.QUEUES)


def test_what_is_routed_is_there_and_roll_ups_are_not_among_it():
    current_app.loader.import_default_modules()
    assert set(settings.CELERY_TASK_ROUTES) <= set(current_app.tasks)
    for name in ("consumption.roll_up", "consumption.follow_updates", "governance.sweep"):
        assert current_app.amqp.router.route({}, name)["queue"].name == "celery"
    assert current_app.amqp.router.route({}, "notices.deliver")["queue"].name == "others"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_sender_does_what_was_sent(tmp_path):
    """In threads, with the database and the limits of a task."""
    hook, _ = made.webhook(url="https://93.184.216.34/hook")
    Webhook.objects.filter(pk=hook.pk).update(challenge_at=timezone.now())
    with worker_on_test_database(tmp_path / "sender", process_definitions.sender()):
        current_app.send_task(
            "notices.challenge",
            connection=current_app.connection_for_write(on_redis(WORKER_REDIS)),
        )
        until(lambda: not Webhook.objects.filter(challenge_at__lte=timezone.now()).exists(), 40)
    assert webhooks.send_challenges() == 0, "it was asked, whatever came of it"
