"""How teams find models: what they searched for and which models they looked at, by day and team. No row names a person."""

from django.db import models

from catalog.models.entries import RegisteredModel
from marketplace.accounts.models import Team


class SearchLog(models.Model):
    """What one team searched for on one day: the same words again are the same search. Writer: catalog.discovery_log.

    `team` is empty for people who are on no team. `results` is the most that any of these searches found.
    """

    QUERY_MAX = 200  # characters

    day = models.DateField(help_text="UTC")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="+")
    query = models.CharField(max_length=QUERY_MAX, help_text="Lower case, single spaces")
    results = models.PositiveIntegerField(help_text="Models that were found")
    was_clicked = models.BooleanField(default=False, help_text="A result was opened")

    class Meta:
        ordering = ["-day", "query"]
        constraints = [
            models.UniqueConstraint(
                fields=["day", "team", "query"], name="search_logged_once", nulls_distinct=False
            )
        ]

    def __str__(self) -> str:
        return f"{self.query} on {self.day}"


class ModelView(models.Model):
    """Somebody of a team looked at another team's model on this day. Writer: catalog.discovery_log."""

    day = models.DateField(help_text="UTC")
    team = models.ForeignKey(Team, models.CASCADE, related_name="+")
    model = models.ForeignKey(RegisteredModel, models.CASCADE, related_name="views")

    class Meta:
        ordering = ["-day"]
        constraints = [
            models.UniqueConstraint(fields=["team", "model", "day"], name="model_view_once_a_day")
        ]
        indexes = [models.Index(fields=["day"], name="model_view_of_day")]

    def __str__(self) -> str:
        return f"{self.model_id} by {self.team_id} on {self.day}"
