"""The vectors of listings: made in the background when a listing changes, kept as rows, made anew when the embedder changes."""

import hashlib
import json
import re
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from catalog.models import MeaningVector, ModelVersion, RegisteredModel, SearchDocument
from catalog.search import embedders
from catalog.search.embedders import Array, Embedder

AT_ONCE = 50
MOST_PASSAGES = 40
MOST_SENTENCES = 8
MOST_FIELDS = 12  # inputs or outputs of a signature
PASSAGE_LENGTH = 300  # characters


@dataclass(frozen=True)
class Passage:
    """A part of what a listing says, short enough to be shown as the reason of a match."""

    title: str
    text: str


def gist(model: RegisteredModel) -> str:
    """What is compared of a model in short: its name, summary and tags."""
    return f"{model.name}. {model.summary} {', '.join(map(str, model.tags))}"


def text_of(model: RegisteredModel, version: ModelVersion | None) -> str:
    """What the vector of a whole listing is made of, the most telling first, because the embedder reads a beginning."""
    fields = [passage.text for passage in _fields(version)]
    return f"{gist(model)}. {model.description} {'; '.join(fields)}"


def passages_of(model: RegisteredModel, version: ModelVersion | None) -> list[Passage]:
    """The Passages of a listing, at most MOST_PASSAGES."""
    found = [
        Passage("Name", model.name),
        *(Passage("Summary", text) for text in _sentences(model.summary)),
        *(Passage("Tag", str(tag)) for tag in model.tags),
        *_fields(version),
        *(Passage("Description", text) for text in _sentences(model.description)),
        *(Passage("Limitations", text) for text in _sentences(model.limitations)),
    ]
    return [one for one in found if one.text.strip()][:MOST_PASSAGES]


def _sentences(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?;:])\s+", text.strip())
    return [part[:PASSAGE_LENGTH] for part in parts[:MOST_SENTENCES] if part]


def _fields(version: ModelVersion | None) -> list[Passage]:
    """The inputs and outputs of a version, in words."""
    signature = version.signature if version and isinstance(version.signature, dict) else {}
    return [
        Passage(title, field_text(field)[:PASSAGE_LENGTH])
        for side, title in (("inputs", "Input"), ("outputs", "Output"))
        for field in signature.get(side, [])[:MOST_FIELDS]
        if isinstance(field, dict)
    ]


def field_text(field: dict[str, Any]) -> str:
    """An input or output in words."""
    name = str(field.get("name", "")).replace("_", " ")
    return f"{name}: {field['description']}" if field.get("description") else name


@transaction.atomic
def refresh(model_id: int) -> None:
    """Make the vectors of one model; then its neighbours are due. Safe to run twice; without effect when they are not due or no embedder is there."""
    embedder = embedders.current()
    due = (
        SearchDocument.objects.select_for_update(skip_locked=True)
        .filter(model_id=model_id, is_meaning_due=True)
        .first()
    )
    if due is None or embedder is None:
        return
    model = RegisteredModel.objects.for_list().get(pk=model_id)
    if model.state != RegisteredModel.State.DRAFT:
        _write(model, embedder)
    settle(model_id)


def _write(model: RegisteredModel, embedder: Embedder) -> None:
    text, passages = text_of(model, model.stable), passages_of(model, model.stable)
    said = json.dumps([text, [[one.title, one.text] for one in passages]])
    digest = hashlib.sha256(said.encode()).hexdigest()
    if MeaningVector.objects.filter(pk=model.pk, embedder=embedder.name, sha256=digest).exists():
        return
    vectors = embedder.embed([text, *(one.text for one in passages)]).astype(np.float16)
    MeaningVector.objects.update_or_create(
        pk=model.pk,
        defaults={
            "embedder": embedder.name,
            "dim": embedder.dim,
            "sha256": digest,
            "vector": vectors[0].tobytes(),
            "passages": [[one.title, one.text] for one in passages],
            "passage_vectors": vectors[1:].tobytes(),
        },
    )


def settle(model_id: int) -> None:
    """Say that the vectors are there, so that each process reads them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE catalog_searchdocument SET is_meaning_due = false, is_neighbourhood_due = true, written_at = clock_timestamp(),"
            " changed_in = pg_current_xact_id()::text::bigint WHERE model_id = %s",
            [model_id],
        )


def refresh_due(seconds: float) -> bool:
    """Make vectors that are due, longest waiting first, for about so many seconds. Returns whether some are left."""
    embedder = embedders.current()
    if embedder is None:
        return False
    end = time.monotonic() + seconds
    mark_others(embedder)
    due = SearchDocument.objects.filter(is_meaning_due=True).order_by("written_at")
    for model_id in due.values_list("model_id", flat=True)[:AT_ONCE]:
        refresh(model_id)
        if time.monotonic() > end:
            break
    return due.exists()


def mark_others(embedder: Embedder) -> None:
    """Vectors of another embedder are due."""
    others = MeaningVector.objects.exclude(embedder=embedder.name, dim=embedder.dim)
    if others.exists():
        SearchDocument.objects.filter(
            Exists(others.filter(pk=OuterRef("pk"))), is_meaning_due=False
        ).update(is_meaning_due=True)


def vectors_of(ids: list[int]) -> dict[int, tuple[list[Passage], Array]]:
    """{model id: (its Passages, one row of float32 for each)} of the current embedder."""
    embedder = embedders.current()
    if embedder is None:
        return {}
    rows = MeaningVector.objects.filter(pk__in=ids, embedder=embedder.name, dim=embedder.dim)
    return {
        pk: (
            [Passage(title, text) for title, text in passages],
            np.frombuffer(vectors, np.float16).reshape(-1, embedder.dim).astype(np.float32),
        )
        for pk, passages, vectors in rows.values_list("pk", "passages", "passage_vectors")
    }
