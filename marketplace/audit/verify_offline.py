"""Verify an evidence pack, or an extract of the record, offline.

    python verify.py PACK.zip [--key HEX] [--artifacts DIRECTORY]
    python verify.py EXTRACT.jsonl [--key HEX]

Stands alone: Python 3.10 or newer and the package "cryptography". Each pack holds a copy as verify.py; an auditor takes the
script and the platform's public key from elsewhere than the pack (docs/evidence-packs.md). Exit 0: everything fits; 1: faults.
"""

import argparse
import hashlib
import json
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
RECORD, CHECKPOINT = "audit.jsonl", "audit-checkpoint.json"
# What is made after the export was recorded; the record's last event names the digest of everything else.
AFTER_THE_EVENT = {MANIFEST, SIGNATURE, RECORD, CHECKPOINT}
HEX_SIGNATURE = re.compile(rb"[0-9a-f]{128}")
MOST_BYTES = 256 * 2**20  # of a member, unpacked: more is no evidence pack


def canonical(value: Any) -> bytes:
    """JSON bytes with sorted keys, no spaces, UTF-8: what the platform hashes and signs."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def digest(value: Any) -> str:
    """Hex SHA-256 of canonical(value)."""
    return hashlib.sha256(canonical(value)).hexdigest()


def contents_digest(members: dict[str, bytes]) -> str:
    """What the event of the export names: one digest over the members that existed when it was recorded."""
    return digest(
        {
            name: hashlib.sha256(content).hexdigest()
            for name, content in members.items()
            if name not in AFTER_THE_EVENT
        }
    )


def is_signed(message: bytes, signature: bytes, key: str) -> bool:
    """True when `signature` (128 hex digits) over `message` was made by `key` (64 hex digits)."""
    if not HEX_SIGNATURE.fullmatch(signature):
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(signature.decode()), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def find_faults(pack: Path, key: str | None = None, artifacts: Path | None = None) -> list[str]:
    """Sentences about everything that does not fit; empty: the pack is as the platform made it.

    `key` is the platform's public key (hex) from a trusted place; without it the pack's own is believed.
    """
    try:
        if pack.suffix == ".jsonl":
            return _extract_faults(pack.read_bytes(), key)
        members = _members(pack)
        manifest = json.loads(members.get(MANIFEST, b"{}"))
        key = key or manifest.get("public_key", "")
        faults = _manifest_faults(members, manifest, key)
        if not faults:  # what is inside is only read when it is what was signed
            faults = [*_version_faults(members, key), *_record_faults(members, key)]
        if not faults and artifacts:
            faults = _artifact_faults(members, artifacts)
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
    ) as problem:
        return [f"This is no evidence pack that can be read: {problem!r}."]
    return faults


def _extract_faults(content: bytes, key: str | None) -> list[str]:
    """Of JSON lines: events, then a checkpoint, then the signed statement about the bytes before it."""
    *lines, checkpoint_line, last = content.splitlines(keepends=True)
    signed = json.loads(last)
    statement, before = signed["extract"], content[: -len(last)]
    signature = signed["signature"].encode()
    if last != canonical(signed) + b"\n" or not is_signed(
        canonical(statement), signature, key or statement["public_key"]
    ):
        return ["The extract is not signed by the platform."]
    if hashlib.sha256(before).hexdigest() != statement["sha256"]:
        return ["The extract was changed: its digest is another."]
    events = [json.loads(line) for line in lines]
    point = json.loads(checkpoint_line)["checkpoint"]
    key = key or statement["public_key"]
    return [*_chain_faults(events), *_checkpoint_faults(point, events, key)]


def _members(pack: Path) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    with zipfile.ZipFile(pack) as archive:
        for entry in archive.infolist():
            if entry.filename in members:
                raise ValueError(f"{entry.filename} is there twice")
            if entry.file_size > MOST_BYTES:
                raise ValueError(f"{entry.filename} has {entry.file_size} bytes")
            members[entry.filename] = archive.read(entry)
    return members


def _manifest_faults(members: dict[str, bytes], manifest: Any, key: str) -> list[str]:
    if not is_signed(members.get(MANIFEST, b""), members.get(SIGNATURE, b""), key):
        return [f"{MANIFEST} is not signed by the platform's key {key}."]
    listed, there = manifest["members"], set(members) - {MANIFEST, SIGNATURE}
    faults = [f"{name} is listed and missing." for name in sorted(set(listed) - there)]
    faults += [f"{name} is not listed." for name in sorted(there - set(listed))]
    return faults + [
        f"{name} was changed: its digest is another."
        for name in sorted(there & set(listed))
        if hashlib.sha256(members[name]).hexdigest() != listed[name]["sha256"]
    ]


def _version_faults(members: dict[str, bytes], key: str) -> list[str]:
    version = json.loads(members["version.json"])
    card = json.loads(members["card.json"])
    bom = json.loads(members["bom.cdx.json"])
    files = {file["name"]: file["sha256"] for file in version["manifest"]["files"]}
    in_bom = {part["name"]: part["hashes"][0]["content"] for part in bom["components"]}
    expectations = [
        (digest(version["manifest"]) == version["manifest_sha256"], "The version's manifest"),
        (digest(card["data"]) == card["sha256"], "The card"),
        (
            json.loads(members["signature.json"]) == version["manifest"]["signature"],
            "The signature",
        ),
        (in_bom == files, "The bill of materials"),
    ]
    faults = [f"{what} does not fit its digest." for fits, what in expectations if not fits]
    signature = version["manifest_signature"].encode()
    if signature and not is_signed(canonical(version["manifest"]), signature, key):
        faults.append("The approval's signature over the version's manifest is not the platform's.")
    if signature and not _is_finally_approved(members, version["manifest_sha256"]):
        faults.append("No final approval is about the signed manifest.")
    return faults


def _is_finally_approved(members: dict[str, bytes], manifest_sha256: str) -> bool:
    return any(
        (row["review_kind"], row["outcome"]) == ("final", "approved")
        and row["manifest_sha256"] == manifest_sha256
        for row in json.loads(members["decisions.json"])
    )


def _record_faults(members: dict[str, bytes], key: str) -> list[str]:
    events = [json.loads(line) for line in members[RECORD].splitlines()]
    faults = [
        *_chain_faults(events),
        *_checkpoint_faults(json.loads(members[CHECKPOINT]), events, key),
    ]
    if events[-1]["content"]["detail"]["contents"] != contents_digest(members):
        faults.append("The recorded export had other contents.")
    return faults


def _chain_faults(events: list[Any]) -> list[str]:
    """Of events in the order of the record, with gaps where others are not disclosed."""
    faults = []
    for before, event in zip([None, *events], events, strict=False):
        if digest([event["prev_hash"], event["seq"], event["content"]]) != event["hash"]:
            faults.append(f"Event {event['seq']} of the record does not match its hash.")
        if before and event["seq"] <= before["seq"]:
            faults.append(f"Event {event['seq']} of the record is out of order.")
        if before and event["seq"] == before["seq"] + 1 and event["prev_hash"] != before["hash"]:
            faults.append(f"Event {event['seq']} does not follow event {before['seq']}.")
    return faults


def _checkpoint_faults(point: Any, events: list[Any], key: str) -> list[str]:
    faults = []
    statement = canonical({"size": point["size"], "head": point["head"]})
    if not is_signed(statement, point["signature"].encode(), key):
        faults.append("The checkpoint of the record is not signed by the platform.")
    for event in events[-1:]:
        if point["size"] < event["seq"]:
            faults.append("The checkpoint is older than the newest event.")
        if point["size"] == event["seq"] and point["head"] != event["hash"]:
            faults.append("The checkpoint has another head than the record.")
    return faults


def _artifact_faults(members: dict[str, bytes], directory: Path) -> list[str]:
    faults = []
    for file in json.loads(members["version.json"])["manifest"]["files"]:
        path = directory / file["name"]
        if not path.is_file():
            faults.append(f"{file['name']} is not in {directory}.")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
            faults.append(f"{file['name']} is not the file that was approved.")
    return faults


def main(arguments: list[str] | None = None) -> int:
    """The command. Returns the exit code."""
    parser = argparse.ArgumentParser(description="Verify an evidence pack offline.")
    parser.add_argument("pack", type=Path)
    parser.add_argument("--key", help="the platform's public key, hex, from a trusted place")
    parser.add_argument("--artifacts", type=Path, help="compare the version's files in a directory")
    given = parser.parse_args(arguments)
    faults = find_faults(given.pack, given.key, given.artifacts)
    for fault in faults:
        print(f"- {fault}")
    if faults:
        print(f"{given.pack}: NOT as the platform made it.")
        return 1
    print(f"{given.pack}: intact.")
    statement = _statement(given.pack)
    for what in ("model", "version", "rows", "question", "left_out", "made_at", "made_by"):
        if what in statement:
            print(f"  {what}: {statement[what]}")
    if not given.key:
        print(f"Believed its own key, {statement['public_key']}: compare it with the platform's.")
    return 0


def _statement(pack: Path) -> Any:
    """What the platform signed about the file."""
    if pack.suffix == ".jsonl":
        return json.loads(pack.read_bytes().splitlines()[-1])["extract"]
    return json.loads(_members(pack)[MANIFEST])


if __name__ == "__main__":
    sys.exit(main())
