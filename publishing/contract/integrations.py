"""Integration templates: whole programs that call one version. Each runs as it is downloaded, filled in for version and application.

The files are in templates/publishing/integrations/; they send and get plain rows (docs/gateway.md, "Rows").
"""

from dataclasses import dataclass
from typing import Any

from publishing.contract import code

FOLDER = "publishing/integrations"


@dataclass(frozen=True)
class Integration:
    """One template. `purpose` and `needs` are for the reader, `filename` for saving."""

    id: str
    label: str
    filename: str
    purpose: str
    needs: str


KINDS = [
    Integration(
        "script",
        "Script",
        "score_rows.py",
        "Scores a file of CSV or JSON lines.",
        "Python 3.9 or later",
    ),
    Integration(
        "spreadsheet",
        "Spreadsheet",
        "score_sheet.py",
        "Makes a sheet to fill in, and writes the answers beside its rows.",
        "Python 3.9 or later",
    ),
    Integration(
        "batch",
        "pandas or Spark batch",
        "batch_score.py",
        "Scores a whole table, in Spark partition by partition.",
        "pandas, or Spark 3.4 or later",
    ),
    Integration(
        "airflow",
        "Airflow task",
        "score_daily.py",
        "Scores each day’s file.",
        "Airflow 2.7 or later",
    ),
    Integration(
        "fastapi",
        "FastAPI service",
        "service.py",
        "A service of yours that keeps the key.",
        "fastapi and uvicorn",
    ),
    Integration(
        "node",
        "Node service",
        "server.mjs",
        "The same in JavaScript.",
        "Node 18 or later",
    ),
    Integration(
        "java",
        "Java service",
        "ScoringService.java",
        "The same in Java.",
        "Java 11 or later",
    ),
]
BY_ID = {kind.id: kind for kind in KINDS}


def text(kind: Integration, contract: Any) -> str:
    """The template for the version of a publishing.contract.Contract."""
    return str(code.rendered(f"{FOLDER}/{kind.filename}.txt", contract))
