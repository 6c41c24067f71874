"""From a bare Python to a ready `.venv`, with the standard library only.

`enter(argv)` returns at once (milliseconds) when this already is the environment of the lock. Otherwise it makes `.venv`,
installs the lock (every file checked by hash) with uv, or with pip where uv cannot, and starts manage.py again inside.
pip's own configuration (index, mirrors, certificates, proxies) is honoured by both.
"""

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
LOG = VENV / "install.log"
LOCK, DEV_LOCK = "requirements.lock", "requirements-dev.lock"
DEV_COMMANDS = ("test", "lock")
SPACE_NEEDED = 2_000_000_000  # bytes: 0.9–1.2 GB of libraries, and room to unpack them
PIP_WITH_PYTHON_OPTION = (22, 3)

DISK_FULL = "The disk is full. Free some space (about 2 GB are needed) and run the command again."
# What an installer prints, and what a person can do about it.
DIAGNOSES = (
    (r"No space left", DISK_FULL),
    (
        r"[Pp]ermission denied|Read-only file system",
        f"{ROOT} cannot be written. Copy the checkout to a folder of yours and run it there.",
    ),
    (
        r"hashes? mismatch|THESE PACKAGES DO NOT MATCH",
        "A downloaded package does not match the lock. Run again; if it stays, tell us: do not use it.",
    ),
    (
        r"dns error|[Cc]onnect|resolve|timed out|[Tt]imeout|Network|unreachable|Failed to fetch|SSL|certificate",
        "The package index cannot be reached. Check the network, or point pip to your mirror (pip config set global.index-url …).",
    ),
    (
        r"No matching distribution|no wheels|No solution|not found in the package registry",
        "The package index does not offer a package of the lock for this Python and system. Python 3.11 or 3.12 on Linux x86-64 works.",
    ),
)


class CannotInstall(Exception):
    """The environment cannot be made; the text is for a person."""


def enter(argv: list[str]) -> None:
    """Return when this process runs in the up-to-date environment; otherwise make it and start anew inside. Exits with a sentence."""
    if os.environ.get("MARKETPLACE_BOOTSTRAP") == "off":
        return
    lock = DEV_LOCK if argv[1:2] and argv[1] in DEV_COMMANDS else LOCK
    try:
        if not is_installed(lock):
            install(lock)
    except CannotInstall as problem:
        sys.exit(f"\n{problem}")
    except OSError as problem:
        sys.exit(f"\n{explain_os_error(problem)}")
    except KeyboardInterrupt:
        sys.exit("\nStopped. Run the command again to go on.")
    if Path(sys.prefix) != VENV:
        restart_inside(argv)


def restart_inside(argv: list[str]) -> None:
    # Bytecode is kept even where the shell forbids it: without it every process compiles a thousand files at each start.
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    }
    os.execve(PYTHON, [str(PYTHON), str(ROOT / "manage.py"), *argv[1:]], environment)


def explain_os_error(problem: OSError) -> str:
    """A sentence for an operating-system error on the way."""
    if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{problem.filename or ROOT} cannot be written by this user. Use a folder of yours (MARKETPLACE_RUN_DIR moves the data)."
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return DISK_FULL
    return f"The operating system refused: {problem}."


# ---- is it there already?


def is_installed(lock: str) -> bool:
    """True when `.venv` holds exactly what `lock` says, for this minor version of Python."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    return PYTHON.exists() and stamp.get(lock) == digest(lock)


def digest(lock: str) -> str:
    return hashlib.sha256((ROOT / lock).read_bytes()).hexdigest()


def write_stamp(lock: str) -> None:
    """Remember what is installed; the lock for tests holds the other one too."""
    held = (LOCK, DEV_LOCK) if lock == DEV_LOCK else (LOCK,)
    STAMP.write_text(json.dumps({name: digest(name) for name in held}))


# ---- making it


def install(lock: str) -> None:
    """Make `.venv` and install `lock`. Raises CannotInstall with a sentence."""
    check_place()
    with one_at_a_time():
        if is_installed(lock):
            return
        with step("Making the Python environment in .venv"):
            make_venv()
        packages = (ROOT / lock).read_text().count("==")
        with step(f"Installing {packages} packages ({lock}, checked by hash)"):
            install_lock(lock)
        write_stamp(lock)


def check_place() -> None:
    """Raise CannotInstall when the checkout cannot be written or the disk is too full."""
    if not os.access(ROOT, os.W_OK):
        raise CannotInstall(
            f"{ROOT} cannot be written by this user. Copy the checkout to a folder of yours and run it there."
        )
    free = shutil.disk_usage(ROOT).free
    if not PYTHON.exists() and free < SPACE_NEEDED:
        raise CannotInstall(
            f"Only {free / 1e9:.1f} GB are free where {ROOT} lies; the libraries need about {SPACE_NEEDED / 1e9:.0f} GB. Free some space."
        )


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two commands started together install once: the second waits for the first."""
    handle = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def step(title: str) -> Iterator[None]:
    print(f"{title} …", end="", flush=True)
    began = time.monotonic()
    yield
    print(f" {time.monotonic() - began:.1f} s", flush=True)


def make_venv() -> None:
    """A `.venv` without pip; an old one of another Python is replaced."""
    if PYTHON.exists() and venv_version() == sys.version_info[:2]:
        return
    if VENV.exists():
        shutil.rmtree(VENV)
    done = run([sys.executable, "-m", "venv", "--without-pip", str(VENV)])
    if done.returncode:
        raise CannotInstall(
            f"Python's venv module is missing. Install it (Debian: apt-get install python3-venv).\n{last_lines(done)}"
        )


def venv_version() -> tuple[int, ...]:
    try:
        text = (VENV / "pyvenv.cfg").read_text()
    except OSError:
        return ()
    match = re.search(r"^version(?:_info)?\s*=\s*(\d+)\.(\d+)", text, re.MULTILINE)
    return tuple(int(part) for part in match.groups()) if match else ()


def install_lock(lock: str) -> None:
    """uv first (seconds), pip when uv cannot be had or fails (half a minute)."""
    pip = find_pip()
    by_uv = install_by_uv(lock, pip)
    if by_uv.returncode == 0:
        return
    print(" uv could not; pip takes longer …", end="", flush=True)
    by_pip = run(
        [
            *pip,
            "install",
            "--no-deps",
            "--require-hashes",
            "--no-input",
            "-q",
            "-r",
            str(ROOT / lock),
        ]
    )
    if by_pip.returncode:
        raise CannotInstall(diagnose(by_pip))


def install_by_uv(lock: str, pip: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    uv = VENV / "bin" / "uv"
    if not uv.exists():
        got = install_uv(lock, pip)
        if got.returncode:
            return got
    argv = [
        str(uv),
        "pip",
        "install",
        "--python",
        str(PYTHON),
        "--no-deps",
        "--require-hashes",
        "--no-config",
    ]
    argv += [
        "--index-strategy",
        "unsafe-best-match",
        "-r",
        str(ROOT / lock),
    ]  # as pip does; the hashes make it safe
    return run(argv, uv_environment(pip_settings(pip)))


def install_uv(lock: str, pip: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    """uv itself, at the version and with the hashes of the lock."""
    requirement = re.search(
        r"^uv==.*?(?=^\S|\Z)", (ROOT / lock).read_text(), re.MULTILINE | re.DOTALL
    )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(requirement.group() if requirement else "uv\n")
        only_uv.flush()
        return run(
            [
                *pip,
                "install",
                "--no-deps",
                "--require-hashes",
                "--no-input",
                "-q",
                "-r",
                only_uv.name,
            ]
        )


# ---- pip: the machine's own, the bundled one, or Debian's


def find_pip() -> list[str]:
    """A command that installs into `.venv`. Raises CannotInstall."""
    for pip in ([str(PYTHON), "-m", "pip"], [sys.executable, "-m", "pip", "--python", str(PYTHON)]):
        if pip_version(pip) >= PIP_WITH_PYTHON_OPTION:
            return pip
    if run([str(PYTHON), "-m", "ensurepip", "--upgrade", "--default-pip"]).returncode == 0:
        return [str(PYTHON), "-m", "pip"]
    if os.geteuid() == 0 and install_debian_pip():
        return [sys.executable, "-m", "pip", "--python", str(PYTHON)]
    raise CannotInstall(
        "This Python has neither pip nor ensurepip, so nothing can be installed. Install them and run the command again "
        "(Debian and Ubuntu: apt-get install python3-venv python3-pip)."
    )


def pip_version(pip: Sequence[str]) -> tuple[int, ...]:
    """(major, minor), or () when this pip does not work."""
    done = run([*pip, "--version"])
    match = re.match(r"pip (\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in match.groups()) if match and done.returncode == 0 else ()


def install_debian_pip() -> bool:
    if not shutil.which("apt-get"):
        return False
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], environment)
    return (
        run(
            ["apt-get", "install", "-qq", "--no-install-recommends", "python3-venv", "python3-pip"],
            environment,
        ).returncode
        == 0
    )


def pip_settings(pip: Sequence[str]) -> dict[str, str]:
    """pip's settings from its files and from PIP_* variables, later ones winning: {"index-url": …, "cert": …}."""
    settings = {}
    for line in run([*pip, "config", "list"]).stdout.splitlines():
        match = re.match(r"(global|install|:env:)\.([\w-]+)='(.*)'$", line)
        if match:
            settings[match[2]] = match[3].replace("\\n", " ").strip()
    return settings


def uv_environment(settings: dict[str, str]) -> dict[str, str]:
    """The same settings as uv reads them, unless uv has been told otherwise."""
    wanted = {
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": settings.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_INSECURE_HOST": settings.get("trusted-host"),
        "UV_HTTP_TIMEOUT": settings.get("timeout") or settings.get("default-timeout"),
        "UV_OFFLINE": "1"
        if settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
        else None,
        "SSL_CERT_FILE": settings.get("cert"),
        "HTTPS_PROXY": settings.get("proxy"),
        "UV_LINK_MODE": None if same_disk_as_cache() else "copy",
    }
    return {name: value for name, value in wanted.items() if value} | os.environ


def same_disk_as_cache() -> bool:
    cache = Path(
        os.environ.get("UV_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    )
    try:
        return cache.stat().st_dev == ROOT.stat().st_dev
    except OSError:
        return False


# ---- running programs and telling what went wrong


def run(
    argv: Sequence[str], environment: "dict[str, str] | None" = None
) -> "subprocess.CompletedProcess[str]":
    """Run quietly; both outputs come back and are kept in `.venv/install.log`."""
    quiet = {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    }
    try:
        done = subprocess.run(
            argv,
            env=(environment or dict(os.environ)) | quiet,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except OSError as problem:
        return subprocess.CompletedProcess(argv, 127, "", str(problem))
    with contextlib.suppress(OSError), LOG.open("a") as log:
        log.write(
            f"$ {Path(argv[0]).name} (exit code {done.returncode})\n{done.stdout}{done.stderr}\n"
        )
    return done


def diagnose(done: "subprocess.CompletedProcess[str]") -> str:
    """What probably is wrong and what to do, with the installer's last words."""
    output = done.stdout + done.stderr
    for pattern, sentence in DIAGNOSES:
        if re.search(pattern, output):
            return f"{sentence}\n{last_lines(done)}"
    return f"The packages could not be installed. The whole story is in {LOG}.\n{last_lines(done)}"


def last_lines(done: "subprocess.CompletedProcess[str]", count: int = 4) -> str:
    """The end of an output, without addresses that may hold passwords."""
    lines = re.sub(r"//[^/\s@]+@", "//…@", done.stdout + done.stderr).strip().splitlines()
    return "\n".join(f"  {line[:300]}" for line in lines[-count:])
