"""The environment variables that the launcher hands to settings and to every process."""

import os
from pathlib import Path

from marketplace.launcher import embedded_postgres, embedded_redis
from marketplace.launcher.rundir import ROOT, RunDir


def common(run: RunDir) -> dict[str, str]:
    """Folders, secrets and the settings module: what every process needs."""
    return {
        "DJANGO_SETTINGS_MODULE": "marketplace.settings",
        "MARKETPLACE_RUN_DIR": str(run.path),
        "RUN_DIR": str(run.path),
        "ARTIFACT_ROOT": str(run.path / "artifacts"),
        "USAGE_JOURNAL_DIR": str(run.path / "journal"),
        "SECRET_KEY_FILE": str(run.secret("secret_key")),
        "KEY_PEPPER_FILE": str(run.secret("key_pepper")),
        "AUDIT_KEY_FILE": str(run.secret("audit_key")),
        "SIGNING_KEY_FILE": str(run.secret("signing_key")),
        "RAY_AUTH_TOKEN_PATH": str(run.secret("ray_token")),
        "PYTHONPATH": _python_path(),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # set in some shells; every process would compile a thousand files at each start
        "MARKETPLACE_BOOTSTRAP": "off",
    }


def _python_path() -> str:
    inherited = [
        part
        for part in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if part and Path(part) != ROOT
    ]
    return os.pathsep.join([str(ROOT), *inherited])


def stores(run: RunDir, ports: dict[str, int]) -> dict[str, str]:
    """DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL: the caller's own where set, otherwise the embedded servers."""
    if application := os.environ.get("DATABASE_URL"):
        databases = {
            "DATABASE_URL": application,
            "DATABASE_OWNER_URL": os.environ.get("DATABASE_OWNER_URL") or application,
        }
    else:
        roles = {
            "DATABASE_URL": embedded_postgres.APPLICATION,
            "DATABASE_OWNER_URL": embedded_postgres.OWNER,
        }
        databases = {
            name: embedded_postgres.url(run, ports["postgres"], role=role)
            for name, role in roles.items()
        }
    return databases | {
        "REDIS_URL": os.environ.get("REDIS_URL") or embedded_redis.url(run, ports["redis"])
    }


def stores_as_superuser(run: RunDir, ports: dict[str, int]) -> dict[str, str]:
    """The same for tests and benches, which make databases of their own and empty them."""
    superuser = os.environ.get("DATABASE_URL") or embedded_postgres.url(run, ports["postgres"])
    return stores(run, ports) | {"DATABASE_URL": superuser, "DATABASE_OWNER_URL": superuser}


def demo(ports: dict[str, int]) -> dict[str, str]:
    """Addresses of the endpoints and of the engine, and the demo mode."""
    return {
        "DEMO_MODE": "1",
        "WEB_PORT": str(ports["web"]),
        "PORTAL_URL": f"http://127.0.0.1:{ports['web']}",
        "GATEWAY_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(ports["gateway"]),
        "GATEWAY_URL": f"http://127.0.0.1:{ports['gateway']}",
        "GATEWAY_ADMIN_PORT": str(ports["gateway_admin"]),
        "OUTBOUND_ALLOWS_LOOPBACK": "1",
        "OUTBOUND_ALLOWED": f"127.0.0.1:{ports['vendor']}",
        "DEMO_VENDOR_URL": f"http://127.0.0.1:{ports['vendor']}",
        "ENGINE_URL": os.environ.get("ENGINE_URL") or f"http://127.0.0.1:{ports['engine_http']}",
        "ENGINE_API_URL": os.environ.get("ENGINE_API_URL")
        or f"http://127.0.0.1:{ports['engine_dashboard']}",
        "ENGINE_METRICS_URLS": os.environ.get("ENGINE_METRICS_URLS")
        or f"http://127.0.0.1:{ports['engine_metrics']}/metrics",
    }
