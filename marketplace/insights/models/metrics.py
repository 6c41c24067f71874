"""Roll-ups of the success metrics: a value a quarter, with the rows behind it. Those of a past quarter never change."""

from typing import Any

from django.db import models
from django.utils import timezone


class MetricValue(models.Model):
    """One metric over one quarter, as one of two sights (marketplace.insights.metrics.scope). Writer: metrics.rollup.

    Once `is_fixed`, the database refuses to change or delete the value and its rows. `splits` are {"unit": […], "team": […]} of
    [name, numerator, denominator, value, reason], which add up to the whole. `drawn` is Metric.drawn of the rows.
    """

    metric = models.SlugField(max_length=40)
    sight = models.CharField(max_length=8)
    quarter = models.DateField(help_text="Its first day")
    definition_version = models.CharField(max_length=10)
    numerator = models.BigIntegerField()
    denominator = models.BigIntegerField(null=True)
    value = models.FloatField(null=True, help_text="Empty: it would mislead, see `reason`")
    reason = models.CharField(max_length=60, blank=True)
    verdict = models.CharField(max_length=10)
    verdict_text = models.CharField(max_length=120)
    details: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    drawn: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    splits: "models.JSONField[Any, Any]" = models.JSONField(default=dict)
    computed_at = models.DateTimeField(default=timezone.now)
    is_fixed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-quarter", "metric"]
        constraints = [
            models.UniqueConstraint(
                fields=["sight", "metric", "quarter"], name="metric_value_once_a_quarter"
            )
        ]

    def __str__(self) -> str:
        return f"{self.metric} of {self.quarter}"


class MetricRow(models.Model):
    """What one thing added to a MetricValue: marketplace.insights.metrics.metric.Row."""

    value = models.ForeignKey(MetricValue, models.CASCADE, related_name="rows")
    position = models.PositiveIntegerField()
    label = models.CharField(max_length=200)
    team = models.CharField(max_length=80, blank=True)
    unit = models.CharField(max_length=80, blank=True)
    numerator = models.BigIntegerField()
    denominator = models.BigIntegerField()
    url = models.CharField(max_length=200, blank=True)
    facts: "models.JSONField[Any, Any]" = models.JSONField(default=list)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["value", "position"], name="metric_row_once")
        ]

    def __str__(self) -> str:
        return self.label
