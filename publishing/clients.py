"""The clients of sdks/ as packages to install: made from their sources, the same bytes for the same sources (docs/sdks.md)."""

import functools
import gzip
import hashlib
import io
import json
import tarfile
import tomllib
import zipfile
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.urls import reverse

SDKS = Path(__file__).resolve().parents[1] / "sdks"
MADE = (2026, 1, 1, 0, 0, 0)  # a zip needs a time, and the time of day would change its bytes
NEVER = {"__pycache__", "node_modules", "target", "dist"}


@dataclass(frozen=True)
class Package:
    """One file that `/downloads/<name>` answers."""

    name: str
    media_type: str
    content: bytes

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:32]}"'


@functools.cache
def packages() -> dict[str, Package]:
    """By file name: the Python wheel, the npm package, the sources of the Java client."""
    return {package.name: package for package in (wheel(), npm_package(), java_sources())}


@functools.cache
def names() -> dict[str, str]:
    """The file name for each language, without making the package."""
    python = tomllib.loads((SDKS / "python" / "pyproject.toml").read_text())["project"]
    node = json.loads((SDKS / "javascript" / "package.json").read_text())
    distribution = python["name"].replace("-", "_")
    return {
        "python": f"{distribution}-{python['version']}-py3-none-any.whl",
        "javascript": f"{node['name']}-{node['version']}.tgz",
        "java": f"marketplace-client-java-{python['version']}.zip",
    }


def url(language: str) -> str:
    """Where the package of a language is installed from."""
    address = reverse("publishing:download", args=[names()[language]])
    return settings.PORTAL_URL.rstrip("/") + address


def wheel() -> Package:
    """The wheel as the binary distribution format says: the package, its metadata, and RECORD with the digest of each file."""
    folder = SDKS / "python"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    name = names()["python"]
    about = f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    source = folder / "src"
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in _files(source)}
    scripts = [f"{script} = {target}" for script, target in project["scripts"].items()]
    files |= {
        f"{about}/METADATA": _metadata(project, (folder / project["readme"]).read_text()),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: marketplace\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": "\n".join(["[console_scripts]", *scripts, ""]).encode(),
    }
    record = [f"{path},sha256={_digest(data)},{len(data)}" for path, data in files.items()]
    files[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,", ""]).encode()
    return Package(name, "application/zip", _zipped(files))


def _metadata(project: dict[str, object], readme: str) -> bytes:
    message = EmailMessage()
    message["Metadata-Version"] = "2.1"
    for header in ("name", "version"):
        message[header.title()] = str(project[header])
    message["Summary"] = str(project["description"])
    message["Requires-Python"] = str(project["requires-python"])
    extras = project.get("optional-dependencies")
    for extra, needed in extras.items() if isinstance(extras, dict) else ():
        message["Provides-Extra"] = extra
        for one in needed:
            message["Requires-Dist"] = f'{one}; extra == "{extra}"'
    head = "".join(f"{name}: {value}\n" for name, value in message.items())
    return f"{head}Description-Content-Type: text/markdown\n\n{readme}".encode()


def npm_package() -> Package:
    """What `npm pack` makes: a tarball with everything below package/."""
    folder = SDKS / "javascript"
    said = json.loads((folder / "package.json").read_text())
    paths = [folder / "package.json", folder / "README.md"]
    paths += [path for name in said["files"] for path in _files(folder / name)]
    out = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for path in paths:
            entry = tarfile.TarInfo(f"package/{path.relative_to(folder).as_posix()}")
            entry.size, entry.mode = path.stat().st_size, 0o644
            with path.open("rb") as file:
                archive.addfile(entry, file)
    return Package(names()["javascript"], "application/gzip", out.getvalue())


def java_sources() -> Package:
    """Sources with pom.xml and build.sh: the portal has no compiler, and who uses Java has one."""
    folder, name = SDKS / "java", names()["java"]
    inside = name.removesuffix(".zip")
    files = {
        f"{inside}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in _files(folder)
    }
    return Package(name, "application/zip", _zipped(files))


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not NEVER & set(path.parts))


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, MADE)
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return out.getvalue()


def _digest(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
