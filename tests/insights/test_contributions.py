"""Issue 14, I5: the contribution board recomputed by independent SQL, and what does not count."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from catalog.models import ModelVersion
from consumption.models import Discussion, Move, UsageDay
from governance.models import Decision
from hosting.models import Incident
from marketplace.accounts.models import Membership
from marketplace.insights.contributions import actions
from marketplace.insights.contributions.board import MODEL_CAP, board, name_of
from marketplace.insights.quarters import Quarter
from publishing.models import MigrationMessage
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 8, 20, 12, tzinfo=UTC)
QUARTER = Quarter.of(NOW.date())

# The formula of docs/adoption.md once more, in SQL alone: (team, points) of a quarter.
SQL = """
WITH firsts AS (
  SELECT DISTINCT ON (v.model_id) v.model_id, v.risk_tier, v.published_at, m.owner_team_id AS team
  FROM catalog_modelversion v JOIN catalog_registeredmodel m ON m.id = v.model_id
  WHERE v.published_at IS NOT NULL ORDER BY v.model_id, v.published_at),
new AS (SELECT team, model_id AS model, 10 AS points FROM firsts
  WHERE published_at >= %(begin)s AND published_at < %(end)s AND risk_tier IN ('medium', 'high')),
users AS (
  SELECT m.owner_team_id AS team, m.id AS model, u.team_id AS consumer
  FROM consumption_usageday u JOIN catalog_modelversion v ON v.id = u.version_id
  JOIN catalog_registeredmodel m ON m.id = v.model_id
  JOIN consumption_subscription s ON s.id = u.subscription_id
  JOIN consumption_application a ON a.id = s.application_id
  WHERE u.day >= %(begin)s AND u.day < %(end)s AND u.ok > 0 AND a.environment = 'prod'
    AND u.team_id <> m.owner_team_id
  GROUP BY 1, 2, 3 HAVING count(DISTINCT u.day) >= 3),
teams AS (SELECT team, model, 5 * least(count(*), 10) AS points FROM users GROUP BY 1, 2),
moves AS (
  SELECT m.owner_team_id AS team, m.id AS model, 3 AS points
  FROM consumption_move x JOIN consumption_subscription s ON s.id = x.subscription_id
  JOIN consumption_application a ON a.id = s.application_id
  JOIN catalog_registeredmodel m ON m.id = s.model_id
  WHERE x.state = 'done' AND x.effective_at >= %(begin)s AND x.effective_at < %(end)s
    AND x.to_version_id IS NOT NULL AND a.team_id <> m.owner_team_id AND EXISTS (
      SELECT 1 FROM publishing_migrationmessage w WHERE w.version_id = x.from_version_id
      AND w.subscription_id = s.id AND w.is_from_owner AND w.at <= x.effective_at)),
capped AS (
  SELECT team, least(sum(points), 60) AS points FROM
  (SELECT * FROM new UNION ALL SELECT * FROM teams UNION ALL SELECT * FROM moves) e GROUP BY team, model),
issues AS (
  SELECT d.team_id AS team, 2 AS points FROM consumption_discussion d
  JOIN catalog_registeredmodel m ON m.id = d.model_id
  WHERE d.state = 'fixed' AND d.kind IN ('bug', 'request') AND d.team_id <> m.owner_team_id
    AND d.state_since >= %(begin)s AND d.state_since < %(end)s),
incidents AS (
  SELECT m.owner_team_id AS team, -5 AS points FROM hosting_incident i
  JOIN catalog_modelversion v ON v.id = i.version_id JOIN catalog_registeredmodel m ON m.id = v.model_id
  WHERE i.opened_at >= %(begin)s AND i.opened_at < %(end)s
    AND coalesce(i.closed_at, now()) - i.opened_at >= interval '30 minutes')
SELECT team, sum(points)::int FROM
  (SELECT * FROM capped UNION ALL SELECT * FROM issues UNION ALL SELECT * FROM incidents) p
GROUP BY team
"""


def by_sql():
    with connection.cursor() as cursor:
        cursor.execute(SQL, {"begin": QUARTER.begins_at, "end": QUARTER.ends_at})
        return dict(cursor.fetchall())


def by_board():
    return {one.team.pk: one.points for one in board(factories.vera(), QUARTER).teams}


def published(name, tier, at=NOW):
    version = factories.published_version(factories.model(name=name))
    ModelVersion.objects.filter(pk=version.pk).update(risk_tier=tier, published_at=at)
    version.refresh_from_db()
    return version


def called(version, team, person, days=3, begin=NOW.date()):
    app = factories.application(person, team, name=f"App of {team}")
    held = factories.subscription(version, by=person, app=app)
    for day in range(days):
        UsageDay.objects.create(
            day=begin + timedelta(days=day),
            subscription=held,
            version=version,
            team=team,
            business_unit=team.business_unit,
            terms=held.plan.terms.first(),
            **dict.fromkeys(
                ("client_errors", "upstream_errors", "aborted", "unknown", "cost", "duration_us"), 0
            ),
            calls=5,
            ok=5,
            units=5,
        )
    return held


def test_the_board_is_what_independent_sql_counts():
    version = published("Income check", "medium")
    published("Low risk one", "low")
    published("Last quarter's", "high", at=QUARTER.begins_at - timedelta(seconds=1))
    held = called(version, factories.mortgage(), factories.maya())
    called(version, factories.lending(), factories.alice())  # its own
    anna = factories.person("anna", factories.wealth())
    called(version, factories.wealth(), anna, days=2)  # too few days
    MigrationMessage.objects.create(
        version=version,
        subscription=held,
        by=factories.alice(),
        is_from_owner=True,
        text="Move, please.",
        at=NOW - timedelta(days=1),
    )
    Move.objects.create(
        subscription=held,
        from_version=version,
        to_version=version,
        state="done",
        effective_at=NOW,
        asked_by=factories.maya(),
    )
    Discussion.objects.create(
        model=version.model,
        version=version,
        kind="bug",
        title="Wrong unit",
        team=factories.mortgage(),
        opened_by=factories.maya(),
        state="fixed",
        fixed_in=version,
        state_since=NOW,
    )
    for minutes in (29, 31):
        Incident.objects.create(
            version=version,
            opened_at=NOW + timedelta(hours=minutes),
            closed_at=NOW + timedelta(hours=minutes, minutes=minutes),
            summary="It does not answer.",
        )
    expected = {factories.lending().pk: 10 + 5 + 3 - 5, factories.mortgage().pk: 2}
    assert by_board() == by_sql() == expected


def test_an_independent_evaluation_counts_for_the_team_that_the_evaluator_was_on_then():
    version = factories.published_version(factories.model(name="Income check"), tier="medium")
    decision = Decision.objects.get(review__version=version, review__kind="evaluation")
    Membership.objects.filter(user=decision.by).update(left_at=timezone.now())
    factories.person(decision.by.username, factories.mortgage())
    running = Quarter.of(decision.at.date())
    found = {one.team: one.by_term for one in board(factories.vera(), running).teams}
    assert found[factories.head_office()] == {"evaluations": 2}
    assert factories.mortgage() not in found
    actions.be_named(decision.by, True)
    (person,) = board(factories.vera(), running).people
    assert (person.person, person.points) == (decision.by, 2)
    Membership.objects.filter(user=decision.by, team=factories.head_office()).update(
        team=version.model.owner_team, joined_at=decision.at - timedelta(days=1), left_at=None
    )
    teams = board(factories.vera(), running).teams
    assert all("evaluations" not in one.by_term for one in teams)


def test_one_model_earns_at_most_its_cap():
    version = published("Income check", "high")
    for number in range(11):
        team = factories.team(f"Team {number}", "Mortgage")
        called(version, team, factories.person(f"person-{number}", team))
    (team,) = board(factories.vera(), QUARTER).teams
    assert (team.by_term, team.points) == ({"new": 10, "teams": 50}, MODEL_CAP)
    assert by_board() == by_sql()


def test_each_number_leads_to_its_rows_and_hides_hidden_models():
    version = published("Zephyr", "high")
    type(version.model).objects.filter(pk=version.model_id).update(visibility="restricted")
    client = Client()
    client.force_login(factories.maya())
    address = f"/insights/contributions/?quarter={name_of(QUARTER)}"
    running = Quarter.of(timezone.localdate())
    if QUARTER not in (running, running.previous):
        ModelVersion.objects.update(published_at=timezone.now())
        address = "/insights/contributions/"
    assert "Consumer lending AI" not in client.get(address).content.decode()
    client.force_login(factories.vera())
    page = client.get(address).content.decode()
    assert "Consumer lending AI" in page and "10 × model newly published" in page
    link = re.search(r"/insights/contributions/[^/\"]+/consumer-lending-ai/", page)[0]
    assert "Zephyr" in client.get(link).content.decode()


def test_people_are_named_when_they_chose_to():
    version = published("Income check", "low")
    Discussion.objects.create(
        model=version.model,
        version=version,
        kind="bug",
        title="Wrong unit",
        team=factories.mortgage(),
        opened_by=factories.maya(),
        state="fixed",
        fixed_in=version,
        state_since=NOW,
    )
    assert board(factories.vera(), QUARTER).people == []
    actions.be_named(factories.maya(), True)
    (person,) = board(factories.vera(), QUARTER).people
    assert (person.person, person.points) == (factories.maya(), 2)
    actions.be_named(factories.maya(), False)
    assert board(factories.vera(), QUARTER).people == []
