"""The clients from the portal itself: anybody's pip and npm get them, and what they get can be installed."""

import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO

import pytest
from django.test import Client
from django.urls import reverse

from publishing import clients
from tests import factories
from tests.sdks.runners import need


def test_a_package_is_the_same_bytes_until_its_sources_change():
    for make in (clients.wheel, clients.npm_package, clients.java_sources):
        assert make() == make()


def test_names_are_those_of_the_packages():
    assert set(clients.names().values()) == set(clients.packages())


def test_the_wheel_has_what_uv_builds(tmp_path):
    words = [f"{sys.prefix}/bin/uv", "build", "--wheel", "--offline", "--out-dir", tmp_path]
    subprocess.run([*words, clients.SDKS / "python"], check=True, capture_output=True)
    (built,) = tmp_path.glob("*.whl")
    assert built.name == clients.names()["python"]
    ours, theirs = zipfile.ZipFile(BytesIO(clients.wheel().content)), zipfile.ZipFile(built)

    def modules(wheel):
        return {
            name: wheel.read(name)
            for name in wheel.namelist()
            if not name.endswith("/") and ".dist-info" not in name
        }

    def entry_points(wheel):
        (name,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
        return wheel.read(name).decode().split()

    assert modules(ours) == modules(theirs)
    assert entry_points(ours) == entry_points(theirs)


def test_the_wheel_is_installed_with_its_command(tmp_path):
    wheel = clients.wheel()
    (tmp_path / wheel.name).write_bytes(wheel.content)
    uv, python = f"{sys.prefix}/bin/uv", tmp_path / "venv" / "bin" / "python"
    for words in (
        ["venv", "--offline", "--python", sys.executable, tmp_path / "venv"],
        ["pip", "install", "--offline", "--no-deps", "--python", python, tmp_path / wheel.name],
        ["pip", "check", "--python", python],
    ):
        subprocess.run([uv, *words], check=True, capture_output=True)
    told = subprocess.run(
        [tmp_path / "venv" / "bin" / "marketplace", "--help"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "check-reuse" in told.stdout


def test_the_npm_package_is_installed(tmp_path):
    need("node", "npm")
    package = clients.npm_package()
    (tmp_path / package.name).write_bytes(package.content)
    words = ["npm", "install", "--silent", "--offline", "--no-audit", package.name]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    code = "console.log(require('marketplace-client').Client.name)"
    told = subprocess.run(
        ["node", "-e", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert told.stdout == "Client\n"
    with tarfile.open(fileobj=BytesIO(package.content)) as archive:
        names = archive.getnames()
    assert "package/package.json" in names and not any("test" in name for name in names)


def test_java_sources_can_be_built():
    names = zipfile.ZipFile(BytesIO(clients.java_sources().content)).namelist()
    inside = clients.names()["java"].removesuffix(".zip")
    for name in ("pom.xml", "build.sh", "src/main/java/org/marketplace/client/Client.java"):
        assert f"{inside}/{name}" in names


@pytest.mark.django_db
def test_anybody_downloads_and_asks_again_cheaply():
    for name, package in clients.packages().items():
        address = reverse("publishing:download", args=[name])
        answer = Client().get(address)
        assert answer.status_code == 200 and answer.content == package.content
        assert name in answer["Content-Disposition"]
        again = Client().get(address, headers={"If-None-Match": answer["ETag"]})
        assert again.status_code == 304 and again.content == b""
    assert Client().get(reverse("publishing:download", args=["pyproject.toml"])).status_code == 404


@pytest.mark.django_db
def test_the_page_says_how_to_install(client):
    client.force_login(factories.maya())
    page = client.get(reverse("publishing:clients")).content.decode()
    assert f"pip install {clients.url('python')}" in page and "check-reuse" in page
    live = factories.published_version()
    tab = client.get(reverse("publishing:api_tab", args=[live.model.slug])).content.decode()
    assert reverse("publishing:clients") in tab and f"pip install {clients.url('python')}" in tab
