"""The run folder (`.run/` next to manage.py): data, logs, secrets and status of one instance."""

import fcntl
import json
import os
import secrets
import shutil
from pathlib import Path
from typing import Any, TextIO

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("data", "logs", "secrets", "journal", "artifacts", "tmp")
KEPT = ("lock", "test")
MIGRATED = "migrated.json"  # what the tables were last brought up to date with
SECRETS = (
    "secret_key",
    "key_pepper",
    "signing_key",
    "audit_key",
    "ray_token",
    "redis_password",
    "postgres_password",
    "postgres_owner_password",
    "postgres_app_password",
)


def run_dir() -> Path:
    """The folder of this instance: MARKETPLACE_RUN_DIR, or `.run` next to manage.py."""
    return Path(os.environ.get("MARKETPLACE_RUN_DIR") or ROOT / ".run").absolute()


class RunDir:
    """Paths and small files of one instance. Creating it makes the folders and the secrets that are missing."""

    def __init__(self, path: Path | None = None):
        self.path = Path(path or run_dir()).absolute()
        self._lock: TextIO | None = None

    def prepare(self) -> "RunDir":
        """Make folders (0700 for secrets) and missing secrets. Raises OSError when the place cannot be written."""
        for folder in FOLDERS:
            (self.path / folder).mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711)  # Postgres may have to pass through as another user
        self.secret("").chmod(0o700)
        for name in SECRETS:
            self._write_secret(name)
        return self

    def secret(self, name: str) -> Path:
        return self.path / "secrets" / name

    def secret_text(self, name: str) -> str:
        return self.secret(name).read_text().strip()

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def wipe(self) -> None:
        """Remove everything but the lock and the folders of test runs: the next start begins anew."""
        for entry in self.path.iterdir() if self.path.exists() else ():
            if entry.name in KEPT:
                continue
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def read(self, name: str) -> Any:
        """The JSON document `name`, or {} when it is not there or half written."""
        try:
            return json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            return {}

    def write(self, name: str, document: Any, mode: int = 0o644) -> None:
        """Replace the JSON document `name` in one step, so that readers never see half of it."""
        target = self.path / name
        fresh = target.with_name(f".{name}.{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
            json.dump(document, out, indent=1)
        fresh.replace(target)

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def lock(self) -> bool:
        """Take the folder for this process until it ends. False when another live process has it."""
        self.path.mkdir(parents=True, exist_ok=True)
        handle = open(self.path / "lock", "a+")  # noqa: SIM115 - held open as long as the lock
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.close()
            return False
        self._lock = handle
        return True

    def _write_secret(self, name: str) -> None:
        """32 random bytes as hex; also what an Ed25519 private key is."""
        path = self.secret(name)
        if path.exists() and path.stat().st_size:
            return
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(secrets.token_hex(32))
