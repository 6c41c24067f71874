"""Background tasks of the audit record."""

from celery import shared_task

from marketplace.audit import actions, verify, watch


@shared_task(name="audit.sequence", time_limit=60)
def sequence(witness=False):
    while actions.sequence() == 5000:
        pass
    if witness:
        actions.checkpoint()


@shared_task(name="audit.checkpoint", time_limit=60)
def checkpoint():
    actions.sequence()
    actions.checkpoint()


@shared_task(name="audit.verify", time_limit=600)
def verify_record(pk):
    verify.finish(pk)


@shared_task(name="audit.watch", time_limit=60)
def watch_record():
    watch.step()
