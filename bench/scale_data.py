"""A large company, written row by row and not through the verbs: thousands of listings, their versions, teams, keys, figures.

`python -m bench.scale_data <listings>` fills the database that DATABASE_URL names, which must be migrated and empty
(`python -m bench.scale_data 10000 --fresh` makes one beside it, migrates and fills it, and prints its address).

A listing has three versions: 1.0.0 and 1.1.0 are retired, 2.0.0 is in the state that its number has in NEWEST. Whatever
was published once has an upstream; every second retired version still has its stopped deployment, as the product leaves them.
Most live versions are external endpoints at an address where nothing answers; one in fifty runs in the engine.
"""

import os
import random
import sys
import time
from dataclasses import dataclass
from typing import Any

from bench import scale_use
from bench.scale_catalog import LIVE, Catalog

TEAMS, KEYS, HOURS = 1_000, 10_000, 240_000

# What the catalog's triggers and its sweep write: the words of each listing, its last publication, twelve models like it.
INSERT_CATALOG_FIGURES = """
UPDATE catalog_registeredmodel AS model SET last_published_at = newest.at
FROM (SELECT model_id, max(published_at) AS at FROM catalog_modelversion GROUP BY 1) AS newest WHERE newest.model_id = model.id;
SET session_replication_role = origin;
UPDATE catalog_registeredmodel SET name = name;
UPDATE consumption_plan SET is_offered = is_offered;
UPDATE catalog_searchdocument SET is_neighbourhood_due = false, is_meaning_due = false;
INSERT INTO catalog_neighbour (model_id, other_id, score)
WITH placed AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place, count(*) OVER () AS models FROM catalog_registeredmodel)
SELECT one.id, other.id, 0.6 - step * 0.01
FROM placed AS one, generate_series(1, 12) AS step, placed AS other
WHERE other.place = (one.place + step * 7) % one.models AND other.id <> one.id
ON CONFLICT DO NOTHING;
"""


@dataclass
class Made:
    """What there is now, for a bench to ask about: the ids of live listings, and one person of each kind."""

    listings: int
    live_models: list[int]
    consumer: Any
    publisher: Any
    operator: Any
    auditor: Any
    seconds: float


def make(listings: int, *, teams: int = TEAMS, keys: int = KEYS, hours: int = HOURS) -> Made:
    """Write a company of that size: `keys` subscriptions with one key each, `hours` rows of usage, at one size everywhere."""
    from django.db import connection

    began = time.monotonic()
    with (
        connection.cursor() as cursor
    ):  # a superuser's: no trigger runs and no reference is looked up, which takes most of the time
        cursor.execute("SET session_replication_role = replica")
    company = Catalog(random.Random(8), listings)
    company.people(teams)
    company.models()
    company.versions()
    company.what_belongs_to_versions()
    scale_use.what_runs(company)
    held = scale_use.consumers(company, keys)
    scale_use.usage(hours, held)
    scale_use.record(company)
    with connection.cursor() as cursor:
        cursor.execute(INSERT_CATALOG_FIGURES)
        cursor.execute("ANALYZE")
    live = [version.model_id for version in company.newest if version.state in LIVE]
    return Made(listings, live, *company.named_people, time.monotonic() - began)


def main() -> None:
    listings = int(sys.argv[1])
    from bench import ground

    if "--fresh" in sys.argv:
        ground.make_database()
    else:
        import django

        django.setup()
    made = make(listings)
    print(
        f"{made.listings} listings in {made.seconds:.0f} s; person0 publishes, person1 consumes, person2 operates, person3 audits"
    )
    print(os.environ["DATABASE_URL"])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    main()
