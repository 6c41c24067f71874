"""The manifest: what is approved, signed, and verified again before each load."""

from catalog.models import ModelVersion

MEMORY_MB = 512  # what each version declares that it needs


def build_manifest(version):
    """The manifest of a version (schema package/1), plain JSON: files with digests, signature, example, resources."""
    kept, plain = version.manifest, plain_output(version)
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
        **({"plain_output": plain} if plain else {}),
    }


def plain_output(version):
    """The output whose values plain rows get although there are others; "" where all are given, or there is only one.

    A model of one output answers rows without names with its values; a version of the same major number that adds outputs goes
    on doing so, because adding one is a minor change (docs/governance.md, "Version numbers").
    """
    outputs, before = names_of(version.signature), version.predecessor()
    if len(outputs) == 1 or before is None or before.major != version.major:
        return ""
    earlier = names_of(before.signature)
    kept = before.manifest.get("plain_output") or (earlier[0] if len(earlier) == 1 else "")
    return kept if kept in outputs else ""


def names_of(signature):
    """Names of the outputs, in their order."""
    return [output["name"] for output in signature.get("outputs", [])]
