"""manage.py replay_evaluation ID: run an independent evaluation again and compare the digests of its figures."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.models import EvaluationRun, RunState
from publishing import evaluation, replays


class Command(BaseCommand):
    help = "Make a scored evaluation run again; fails when its figures differ. Keeps nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("run", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        scored = EvaluationRun.objects.filter(state=RunState.SCORED).select_related(
            "version__model", "dataset"
        )
        run = scored.filter(pk=options["run"]).first()
        if run is None:
            raise CommandError("There is no scored run of this number.")
        try:
            problem = replays.difference(run)
        except evaluation.CannotEvaluate as cannot:
            raise CommandError(cannot.message) from None
        if problem:
            raise CommandError(problem)
        self.stdout.write(f"The same figures: {run.metrics_sha256}")
