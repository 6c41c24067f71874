"""The manifest: what is approved, signed, and verified again before each load."""

from catalog.models import ModelVersion

MEMORY_MB = 512  # what each version declares that it needs


def build_manifest(version):
    """The manifest of a version (schema package/1), plain JSON: files with digests, signature, example, resources."""
    kept = version.manifest
    return {
        "schema": "package/1",
        "model": version.model.slug,
        "version": version.number,
        "format": version.kind,
        "flavor": kept.get("flavor", version.kind),
        "environment": "external" if version.kind == ModelVersion.Kind.EXTERNAL else "onnx",
        "entry": kept.get("entry", ""),
        "url": version.external_url,
        "files": [
            {"name": a.name, "sha256": a.sha256, "size": a.size} for a in version.artifacts.all()
        ],
        "graph": kept.get("graph", {}),
        "opset": kept.get("opset", {}),
        "producer": kept.get("producer", ""),
        "signature": version.signature,
        "example": version.example,
        "resources": {"num_cpus": "0.1", "memory_mb": MEMORY_MB},
        **{key: kept[key] for key in ("changes", "original", "scan") if kept.get(key)},
    }
