"""The clients as packages: built, installed into an empty place, and used there; their own tests."""

import os
import subprocess
import sys
import zipfile

import pytest

from tests.sdks.runners import JAVASCRIPT, PYTHON, java, java_build, need


def run(*argv, cwd, **environment):
    done = subprocess.run(
        [str(word) for word in argv],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A virtual environment with nothing but the wheel, built without a network."""
    folder = tmp_path_factory.mktemp("python")
    uv = f"{sys.prefix}/bin/uv"
    run(uv, "build", "--offline", "--out-dir", folder / "dist", PYTHON, cwd=folder)
    run(uv, "venv", "--offline", "--python", sys.executable, folder / "venv", cwd=folder)
    wheel, sdist = folder / "dist" / "marketplace_client-1.0.0-py3-none-any.whl", folder / "dist"
    python = folder / "venv" / "bin" / "python"
    run(uv, "pip", "install", "--offline", "--no-deps", "--python", python, wheel, cwd=folder)
    assert (sdist / "marketplace_client-1.0.0.tar.gz").is_file()
    return folder


def test_the_wheel_works_with_nothing_but_python(installed):
    code = "import marketplace_client as m; print(m.Client('a', gateway='http://g', key='k').settings.model_url)"
    python = installed / "venv" / "bin" / "python"
    assert run(python, "-I", "-c", code, cwd=installed) == "http://g/v2/models/a\n"
    names = zipfile.ZipFile(next((installed / "dist").glob("*.whl"))).namelist()
    assert "marketplace_client/py.typed" in names


def test_python_client_alone():
    run(
        sys.executable,
        *("-m", "unittest", "discover", "tests"),
        cwd=PYTHON,
        PYTHONPATH=str(PYTHON / "src"),
    )


def test_javascript_client_alone():
    need("node")
    run("node", "--test", "test/", cwd=JAVASCRIPT)


def test_npm_package_is_esm_and_commonjs(tmp_path):
    need("node", "npm")
    run("npm", "pack", "--silent", "--pack-destination", tmp_path, JAVASCRIPT, cwd=tmp_path)
    packed = tmp_path / "marketplace-client-1.0.0.tgz"
    run("npm", "install", "--silent", "--offline", "--no-audit", packed, cwd=tmp_path)
    (tmp_path / "a.mjs").write_text(
        "import { Client } from 'marketplace-client'; console.log(Client.name);"
    )
    (tmp_path / "b.cjs").write_text("console.log(require('marketplace-client').Client.name);")
    assert run("node", "a.mjs", cwd=tmp_path) == run("node", "b.cjs", cwd=tmp_path) == "Client\n"


def test_java_client_alone():
    need("java", "javac")
    assert run(*java("ClientTest"), cwd=java_build()) == "ok\n"
    names = zipfile.ZipFile(f"{java_build()}/marketplace-client-1.0.0.jar").namelist()
    assert "module-info.class" in names and not any("Test" in name for name in names)
