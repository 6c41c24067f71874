"""What a replica starts from: a signed manifest and the very bytes that were approved, or a sentence for the publisher."""

import hashlib

import pytest

from hosting.model_server import coercion, loader, wire
from hosting.model_server.loader import CannotLoad
from marketplace.core.canonical import canonical
from tests.hosting import packages

KEYS = packages.Keypair()
GRAPH, OTHER = packages.weighted_sum(), packages.weighted_sum((9.0, 9.0, 9.0))


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    """The test's own process keeps its memory."""
    monkeypatch.setenv("REPLICA_LIMIT_MEMORY", "0")


@pytest.fixture
def manifest(tmp_path):
    return packages.package(
        tmp_path, content=GRAPH, signature=packages.SIGNATURE, example=packages.EXAMPLE
    )


def load(manifest, folder, keys=KEYS, public_key=None):
    return loader.load(
        manifest, keys.sign(manifest), root=folder, public_key=public_key or KEYS.public
    )


def stored(manifest, folder):
    digest = manifest["files"][0]["sha256"]
    return folder / digest[:2] / digest


def scores(model):
    columns, _rows = coercion.columns_of(wire.read(canonical(packages.EXAMPLE)), model.signature)
    return model.run(columns)["score"].tolist()


def test_an_approved_package_answers_its_example(manifest, tmp_path):
    model = load(manifest, tmp_path)
    assert scores(model) == [9.0, 18.0]
    assert model.warm_ms > 0


def test_only_the_platforms_signature_over_this_very_manifest_counts(manifest, tmp_path):
    signature = KEYS.sign(manifest)
    for changed, given in (
        ({**manifest, "version": "9.9.9"}, signature),
        (manifest, packages.Keypair().sign(manifest)),
        (manifest, ""),
        (manifest, "zz"),
    ):
        with pytest.raises(CannotLoad, match="not signed by the platform"):
            loader.load(changed, given, root=tmp_path, public_key=KEYS.public)
    with pytest.raises(CannotLoad, match="MANIFEST_PUBLIC_KEY"):
        loader.load(manifest, signature, root=tmp_path, public_key="")


@pytest.mark.parametrize("content", [OTHER, GRAPH[:-1], GRAPH + b"\0", b""])
def test_other_bytes_are_not_loaded(manifest, tmp_path, content):
    assert len(OTHER) == len(GRAPH)
    stored(manifest, tmp_path).write_bytes(content)
    with pytest.raises(CannotLoad, match="not those that were approved"):
        load(manifest, tmp_path)


def test_a_file_that_is_gone_is_named(manifest, tmp_path):
    stored(manifest, tmp_path).unlink()
    with pytest.raises(CannotLoad, match=r"The stored file of .* cannot be read"):
        load(manifest, tmp_path)


def test_what_was_hashed_is_what_is_loaded(manifest, tmp_path, monkeypatch):
    """Somebody writes to the stored file after its digest was found right."""

    sha256 = hashlib.sha256

    def then_changed(content):
        digest = sha256(content)
        stored(manifest, tmp_path).write_bytes(OTHER)
        return digest

    monkeypatch.setattr(loader.hashlib, "sha256", then_changed)
    assert scores(load(manifest, tmp_path)) == [9.0, 18.0]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"format": "external"}, "serves ONNX graphs"),
        ({"entry": "model.pkl"}, "serves ONNX graphs"),
        ({"entry": "other.onnx"}, "does not list that file"),
        (
            {
                "example": {
                    "inputs": [{"name": "income", "datatype": "FP32", "shape": [1], "data": [-1.0]}]
                }
            },
            "example fails: Input 'income', row 0",
        ),
    ],
)
def test_a_package_that_cannot_be_served_says_why(manifest, tmp_path, change, says):
    with pytest.raises(CannotLoad, match=says):
        load({**manifest, **change}, tmp_path)


@pytest.mark.parametrize(
    ("side", "says"), [("inputs", "the graph has the inputs"), ("outputs", "the graph makes")]
)
def test_a_binding_that_is_not_the_graphs_is_refused(manifest, tmp_path, side, says):
    binding = packages.SIGNATURE["binding"]
    changed = {**binding, side: [{**binding[side][0], "tensor": "Z"}]}
    with pytest.raises(CannotLoad, match=says):
        load({**manifest, "signature": {**packages.SIGNATURE, "binding": changed}}, tmp_path)


def test_a_graph_that_is_none_is_refused(tmp_path):
    manifest = packages.package(
        tmp_path, content=b"no graph at all", signature=packages.SIGNATURE, example=packages.EXAMPLE
    )
    with pytest.raises(CannotLoad, match="ONNX Runtime cannot load the graph"):
        load(manifest, tmp_path)
