"""All settings, from the environment, with defaults that are safe on one machine. Missing secrets fail loudly."""

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import fontpkg_inter
from django.core.exceptions import ImproperlyConfigured
from kombu import Queue

from marketplace.core import logs, postgres, secrets, webhooks
from marketplace.enum_names import ENUM_NAMES
from marketplace.schedule import SCHEDULE

# Before numpy is loaded. Its products are small here: threads that wait for each other take both cores from the other processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent
RUN_DIR = Path(os.environ.get("RUN_DIR", ROOT / ".run"))


def env_flag(name, default=False):
    return os.environ.get(name, str(int(default))).lower() in ("1", "true", "yes", "on")


def secret(name, file_name, default=None):
    """A secret from the environment (NAME), from a file (NAME_FILE), or from the run folder; else `default`, if it may be absent."""
    if name in os.environ:
        return os.environ[name]
    path = Path(os.environ.get(f"{name}_FILE", RUN_DIR / "secrets" / file_name))
    if not path.exists() and default is not None:
        return default
    if not path.exists():
        raise ImproperlyConfigured(
            f"{name} is missing: set {name} or {name}_FILE, or start with manage.py demo."
        )
    return path.read_text().strip()


DEBUG = False
DEMO_MODE = env_flag("DEMO_MODE")
SECRET_KEY = secret("SECRET_KEY", "secret_key")
# Peppers by version: KEY_PEPPER is the first, KEY_PEPPER_2 the second. To replace one, say KEY_PEPPER_VERSIONS=1,2 to every
# process, then KEY_PEPPER_CURRENT=2: each key moves with its next use. Leave 1 out when no ApiKey has pepper_version 1.
KEY_PEPPERS = {
    version: secret(f"KEY_PEPPER_{version}", f"key_pepper_{version}")
    if version > 1
    else secret("KEY_PEPPER", "key_pepper")
    for version in map(int, os.environ.get("KEY_PEPPER_VERSIONS", "1").split(","))
}
KEY_PEPPER_CURRENT = int(os.environ.get("KEY_PEPPER_CURRENT", min(KEY_PEPPERS)))
if KEY_PEPPER_CURRENT not in KEY_PEPPERS:
    raise ImproperlyConfigured(
        f"KEY_PEPPER_CURRENT is {KEY_PEPPER_CURRENT}, and there is no pepper of that version."
    )
# Scanners that may report leaked keys: "name:whsec_…,name:whsec_…", several for one name while it rotates.
LEAK_REPORT_SECRETS = webhooks.secrets(
    secret("LEAK_REPORT_SECRETS", "leak_report_secrets", default="")
)
# Rows of the record carry a digest under this key (marketplace/audit); AUDIT_KEY_OLD lists earlier ones, to be believed but not used.
AUDIT_KEYS = [
    secret("AUDIT_KEY", "audit_key"),
    *filter(None, os.environ.get("AUDIT_KEY_OLD", "").split(",")),
]
SIGNING_KEY_FILE = os.environ.get("SIGNING_KEY_FILE", str(RUN_DIR / "secrets" / "signing_key"))
AUDIT_WITNESS_FILE = os.environ.get("AUDIT_WITNESS_FILE", str(RUN_DIR / "audit-witness.jsonl"))

ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")
PORTAL_URL = os.environ.get("PORTAL_URL", "http://127.0.0.1:8000")
GATEWAY_URL = os.environ.get("GATEWAY_URL", "http://127.0.0.1:8001")
# Where the portal itself reaches the gateway, if not at the address that callers use (docs/playground.md).
GATEWAY_INTERNAL_URL = os.environ.get("GATEWAY_INTERNAL_URL", "")
CSRF_TRUSTED_ORIGINS = [PORTAL_URL]
# Networks of the balancers before the portal; only they are believed about who asks, and whether over https.
PORTAL_TRUSTED_PROXIES = [
    text.strip() for text in os.environ.get("PORTAL_TRUSTED_PROXIES", "").split(",") if text.strip()
]
USE_X_FORWARDED_HOST = False

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "heroicons",
    "marketplace.core",
    "marketplace.accounts",
    "marketplace.audit",
    "marketplace.notices",
    "marketplace.tokens",
    "catalog",
    "governance",
    "consumption",
    "hosting",
    "publishing",
    "marketplace.organisation",
    "marketplace.insights",
    "marketplace.operations",
    "marketplace.launcher",
    "marketplace.demo",
]
MIDDLEWARE = [
    "marketplace.core.middleware.request_id",
    "marketplace.core.middleware.database_deadline",
    "marketplace.core.middleware.security_headers",
    "marketplace.core.middleware.readable",
    "marketplace.accounts.standing.once_while_reading",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "marketplace.tokens.authentication.by_token",
    "publishing.bodies.before_reading",  # whoever reads a body stands below
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "marketplace.core.middleware.LowerCaseAddresses",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "marketplace.core.middleware.BusinessAnswers",
    "marketplace.accounts.submissions.FormsOnce",
]
ROOT_URLCONF = "marketplace.urls"
WSGI_APPLICATION = "marketplace.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "marketplace.views.navigation_context",
            ],
        },
    }
]


def database(url):
    """A Django DATABASES entry from postgres://user:password@host:port/name."""
    parts = urlparse(url)
    return {
        "ENGINE": "marketplace.core.postgres",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname,
        "PORT": parts.port or 5432,
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,  # the pool looks before it lends: after a restart of Postgres nobody gets a dead connection
        "OPTIONS": {
            **postgres.NETWORK,
            "options": postgres.AT_SERVER,
            "target_session_attrs": "read-write",  # after a failover the old primary is no use
            "pool": {
                "min_size": 0,
                "max_size": int(os.environ.get("DB_POOL", "6")),
                "timeout": postgres.POOL_S,
                "reconnect_timeout": postgres.POOL_S,  # then the next who asks tries anew, not a timer that doubles
                "connection_class": postgres.Connection,
            },
        },
    }


# Two roles (docs/operations-roles.md): `migrate` signs in as the owner of the tables, everything else as the application.
DATABASE_URL = os.environ.get("DATABASE_URL", "")
DATABASE_OWNER_URL = os.environ.get("DATABASE_OWNER_URL", DATABASE_URL)
_ROLE_URL = DATABASE_OWNER_URL if sys.argv[1:2] == ["migrate"] else DATABASE_URL
DATABASES = {"default": database(_ROLE_URL or "postgres://marketplace@127.0.0.1:5432/marketplace")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "shared": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache",
    },  # by all processes: allauth's limits
    # What people tried, in the memory of this process alone (docs/playground.md, "What is kept").
    "tries": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "tries",
        "TIMEOUT": 8 * 3600,
        "OPTIONS": {"MAX_ENTRIES": 500},
    },
}

ARTIFACT_ROOT = os.environ.get("ARTIFACT_ROOT", str(RUN_DIR / "artifacts"))
# Rows that teams bring for batch evaluations, encrypted; no backup takes them (docs/batch-evaluation.md).
EVALUATION_ROOT = os.environ.get("EVALUATION_ROOT", str(RUN_DIR / "evaluations"))
QUARANTINE_ROOT = os.environ.get("QUARANTINE_ROOT", str(RUN_DIR / "quarantine"))
# What every disk keeps free (marketplace/core/disk_space.py): the larger of the first two, but never more than the third.
DISK_RESERVE_PERCENT = int(os.environ.get("DISK_RESERVE_PERCENT", "5"))
DISK_RESERVE_MIB = int(os.environ.get("DISK_RESERVE_MIB", "1024"))
DISK_RESERVE_MOST_MIB = int(os.environ.get("DISK_RESERVE_MOST_MIB", "8192"))
STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT", str(RUN_DIR / "static"))
# The typeface comes from a package, so that pages look alike on machines that do not have it (static/css/tokens.css).
STATICFILES_DIRS = [ROOT / "static", ("fonts", fontpkg_inter.ROOT / "files")]
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": RUN_DIR / "media"},
    },
    "artifacts": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": ARTIFACT_ROOT},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# One machine serves from the checkout; STATIC_ROOT is for real deployments.
WHITENOISE_USE_FINDERS = True
FILE_UPLOAD_HANDLERS = [
    "marketplace.core.request_bodies.NoFiles"
]  # publishing.bodies lets those keep files that take some
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# What a package may have, what a person and a team may keep and have on their way: docs/portal-limits.md.
UPLOAD_MAX_BYTES = int(os.environ.get("UPLOAD_MAX_BYTES", 2 * 1024**3))
UPLOAD_PERSON_BYTES = int(os.environ.get("UPLOAD_PERSON_BYTES", 20 * 1024**3))
UPLOAD_TEAM_BYTES = int(os.environ.get("UPLOAD_TEAM_BYTES", 50 * 1024**3))
# Of batch evaluations: a file, and what a team keeps.
EVALUATION_MAX_BYTES = int(os.environ.get("EVALUATION_MAX_BYTES", 50 * 1024**2))
EVALUATION_TEAM_BYTES = int(os.environ.get("EVALUATION_TEAM_BYTES", 1024**3))
UPLOADS_PER_PERSON = int(os.environ.get("UPLOADS_PER_PERSON", "3"))
UPLOADS_PER_TEAM = int(os.environ.get("UPLOADS_PER_TEAM", "6"))
# New findings that one night proposes (docs/curation.md, "The sweep").
CURATION_NEW_A_NIGHT = int(os.environ.get("CURATION_NEW_A_NIGHT", "100"))

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_ADAPTER = "marketplace.accounts.adapter.ClosedSignup"
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_VERIFICATION = "none"
# smtp://user:password@host:port, or smtps for TLS from the first byte. Without one, letters are files: operators hand them on.
EMAIL_URL = secret("EMAIL_URL", "email_url", default="")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_URL
    else "marketplace.notices.mail_files.EmailBackend"
)
EMAIL_FILE_PATH = RUN_DIR / "mail"
EMAIL_HOST, EMAIL_PORT = urlparse(EMAIL_URL).hostname or "", urlparse(EMAIL_URL).port or 587
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = (
    unquote(urlparse(EMAIL_URL).username or ""),
    unquote(urlparse(EMAIL_URL).password or ""),
)
EMAIL_USE_SSL = EMAIL_URL.startswith("smtps:")
EMAIL_USE_TLS = EMAIL_URL.startswith("smtp:")
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "marketplace@localhost")
ACCOUNT_RATE_LIMITS = {
    "login_failed": None,
    "login": None,
}  # marketplace.accounts.sign_in has both, for all processes and endpoints
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
CSRF_COOKIE_SAMESITE = "Strict"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PORTAL_URL.startswith("https:")
if SESSION_COOKIE_SECURE:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-session", "__Host-csrf"
    SECURE_HSTS_SECONDS, SECURE_HSTS_INCLUDE_SUBDOMAINS, SECURE_HSTS_PRELOAD = (
        31_536_000,
        True,
        True,
    )
    SECURE_SSL_REDIRECT = env_flag("SECURE_SSL_REDIRECT", True)
CSRF_FAILURE_VIEW = "marketplace.views.csrf_failed"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "marketplace.tokens.authentication.ByToken",
        "marketplace.accounts.authentication.PortalSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "marketplace.tokens.authentication.TokenScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["marketplace.core.json_reader.JSONBody"],
    "DEFAULT_FILTER_BACKENDS": ["marketplace.core.filters.Filters"],
    "DEFAULT_PAGINATION_CLASS": "marketplace.core.paging.Pages",
    "DEFAULT_SCHEMA_CLASS": "marketplace.accounts.contract.Contract",
    "DEFAULT_METADATA_CLASS": "marketplace.core.metadata.NameAndMediaTypes",
    "EXCEPTION_HANDLER": "marketplace.core.problem_json.handle",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Model marketplace",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "marketplace.accounts.contract.add_links",
    ],
    "ENUM_NAME_OVERRIDES": ENUM_NAMES,
}

CELERY_BROKER_URL = REDIS_URL
# A worker that names no queue takes both. What waits for others has one of its own: a slow receiver holds nothing else up.
CELERY_TASK_QUEUES = [Queue("celery"), Queue("others")]
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = dict.fromkeys(
    (
        "notices.compose_letters",
        "notices.send_letters",
        "notices.deliver",
        "notices.challenge",
        "consumption.run_acceptance",
    ),
    {"queue": "others"},
)
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_TIME_LIMIT = 300
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = SCHEDULE
CELERY_BEAT_SCHEDULE_FILENAME = str(RUN_DIR / "beat-schedule")

SERVING_DRIVER = os.environ.get("SERVING_DRIVER", "hosting.drivers.ray.RayDriver")
ENGINE_URL = os.environ.get(
    "ENGINE_URL", "http://127.0.0.1:8100"
)  # the engine's ingress: where the gateway sends calls
ENGINE_API_URL = os.environ.get("ENGINE_API_URL", "http://127.0.0.1:8265")  # its control interface
ENGINE_METRICS_URLS = os.environ.get(
    "ENGINE_METRICS_URLS", ""
).split()  # of its nodes' agents; the portal's /metrics joins what replicas count
# What the gateway leaves on this machine: its journal, and what its processes count. The address replaces the folder
# where the portal cannot read it (http://<gateway host>:<GATEWAY_ADMIN_PORT>/metrics).
USAGE_JOURNAL_DIR = Path(os.environ.get("USAGE_JOURNAL_DIR", RUN_DIR / "journal"))
# Shipped segments stay this long, but not more than so much of them: a restore ships again what its backup did not have.
# Search by meaning (docs/search.md, "Meaning"): a class of the product's, or empty for words only; other weights of the same shape.
SEARCH_EMBEDDER = os.environ.get("SEARCH_EMBEDDER", "catalog.search.embedders.MiniLM")
EMBEDDER_PATH = os.environ.get("EMBEDDER_PATH", "")

JOURNAL_ARCHIVE_HOURS = int(os.environ.get("JOURNAL_ARCHIVE_HOURS", "72"))
JOURNAL_ARCHIVE_MIB = int(os.environ.get("JOURNAL_ARCHIVE_MIB", "1024"))
REVOCATIONS_FILE = RUN_DIR / "revocations.jsonl"  # see consumption/keys/revocation_log.py
# See consumption/keys/emergency_revocations.py.
EMERGENCY_REVOCATIONS_FILE = RUN_DIR / "revoked-keys.jsonl"
GATEWAY_METRICS_DIR = RUN_DIR / "metrics"
GATEWAY_METRICS_URL = os.environ.get("GATEWAY_METRICS_URL", "")
# Networks of the balancers in front of the gateway, e.g. "10.0.3.0/24,2001:db8:3::/64"; only they are believed about callers.
GATEWAY_TRUSTED_PROXIES = [
    text for text in os.environ.get("GATEWAY_TRUSTED_PROXIES", "").split(",") if text.strip()
]
# Days between the confirmation of a change that takes something from consumers and its beginning (docs/money.md).
# Endpoints hosted outside are asked some hundred times by the checks before their review; 0 where each call costs.
ENDPOINT_CHECKS = os.environ.get("ENDPOINT_CHECKS", "1") == "1"
CHANGE_NOTICE_DAYS = int(os.environ.get("CHANGE_NOTICE_DAYS", "30"))
# The month (1 to 12) in which the fiscal year begins: quarters of insights (docs/metrics.md, "Quarters").
FISCAL_YEAR_STARTS = int(os.environ.get("FISCAL_YEAR_STARTS", "1"))
if not 1 <= FISCAL_YEAR_STARTS <= 12:
    raise ImproperlyConfigured("FISCAL_YEAR_STARTS is a month: 1 to 12.")
# 0: automatic minor updates begin with the publication, as patches do (docs/updates.md).
UPDATES_BY_CANARY = os.environ.get("UPDATES_BY_CANARY", "1") != "0"
# How many versions start at once: the engine's processors. See docs/hosting.md, also for what follows.
ENGINE_STARTS_AT_ONCE = int(os.environ.get("ENGINE_STARTS_AT_ONCE", os.cpu_count() or 1))
# Seconds without a call after which a version sleeps that nothing keeps awake, and one that nobody has called or subscribed to;
# SLEEP_AFTER_S=0: none ever sleeps.
SLEEP_AFTER_S = int(os.environ.get("SLEEP_AFTER_S", "900"))
SLEEP_UNUSED_AFTER_S = int(os.environ.get("SLEEP_UNUSED_AFTER_S", "120"))
RAY_AUTH_TOKEN_PATH = os.environ.get("RAY_AUTH_TOKEN_PATH", str(RUN_DIR / "secrets" / "ray_token"))
# External upstreams (docs/reliability.md, "Outgoing requests"): "host:port" of internal endpoints that an administrator allows.
OUTBOUND_ALLOWED = (
    os.environ.get("OUTBOUND_ALLOWED", "").split(",") if os.environ.get("OUTBOUND_ALLOWED") else []
)
OUTBOUND_ALLOWS_LOOPBACK = env_flag("OUTBOUND_ALLOWS_LOOPBACK")  # demo and tests only
# Known weaknesses of Python packages: a file of OSV records, one a line (docs/operations.md, "Advisories"). None by default.
ADVISORIES_FILE = os.environ.get("ADVISORIES_FILE", "")
LOGGING = logs.configuration(
    os.environ.get("LOG_FORMAT", "line"), os.environ.get("LOG_LEVEL", "INFO")
)

# Nothing starts with a secret that is none; a demo may.
_GIVEN = {
    "SECRET_KEY": SECRET_KEY,
    **{f"KEY_PEPPER (version {version})": pepper for version, pepper in KEY_PEPPERS.items()},
    **{f"AUDIT_KEY (number {number})": key for number, key in enumerate(AUDIT_KEYS, 1)},
    **{
        f"the text of {path}": Path(path).read_text().strip()
        for path in (SIGNING_KEY_FILE, RAY_AUTH_TOKEN_PATH)
        if Path(path).exists()
    },
}
_STORES = {
    name: os.environ.get(name, "")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL", "REDIS_URL")
}
if not DEMO_MODE and (_WEAK := secrets.weaknesses(_GIVEN, _STORES)):
    raise ImproperlyConfigured(f"{' '.join(_WEAK)} {secrets.REMEDY}")
