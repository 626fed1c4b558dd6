"""All settings, in reading order. What differs between two installations comes from `env.py`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from cryptography.fernet import Fernet

from dashboard import broker, logs
from dashboard.env import Environment
from dashboard.postgres import EmbeddedPostgres

env = Environment(os.environ)

# -- Paths

BASE_DIR = Path(__file__).resolve().parent.parent
# Everything that must outlive the process: data, keys, collected static files.
HOME = env.path("REGISTRY_BROWSER_HOME", BASE_DIR / "var")

# -- Secrets


def _is_key(text: str) -> bool:
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


[SECRET_KEY, *SECRET_KEY_FALLBACKS] = env.secrets(
    "SECRET_KEY",
    kept_in=HOME / "secret-key",
    generate=lambda: secrets.token_urlsafe(50),
    is_valid=lambda text: len(text) >= 32,
    shape="at least 32 characters; older ones, still accepted, may follow after a comma",
)
# They encrypt stored registry credentials. The first one encrypts, all of them decrypt.
REGISTRY_KEYS = env.secrets(
    "REGISTRY_KEYS",
    kept_in=HOME / "registry-keys",
    generate=lambda: Fernet.generate_key().decode(),
    is_valid=_is_key,
    shape="32 random bytes each, in URL-safe base64, newest first, separated by commas",
)

# -- Apps

DEBUG = env.flag("DEBUG", default=False)
INSTALLED_APPS = [
    "registry_browser",
    "dashboard",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "django_htmx",
    "pgtrigger",
    "django_structlog",
    "csp",
]
ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False

# -- Middleware

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "registry_browser.web.asked_from.client_address",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

# -- Templates

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "registry_browser.web.context.page",
            ],
        },
    }
]

# -- Database

_database = env.database("DATABASE_URL")
# The server that starts with the first connection; None where DATABASE_URL names another.
EMBEDDED_POSTGRES = (
    None
    if _database is not None
    else EmbeddedPostgres(HOME, options=env.arguments("POSTGRES_OPTIONS"))
)
if EMBEDDED_POSTGRES is not None:
    _database = EMBEDDED_POSTGRES.django_database()
DATABASES: dict[str, dict[str, Any]] = {
    "default": {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **(_database or {})}
}

# -- Cache. In the database: what one web process learned, all of them know.

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}
}

# -- Celery. Tasks carry ids; results and progress are rows of our own.

_broker_url = env.url("CELERY_BROKER_URL", schemes=broker.SCHEMES)
# True when the broker is PGMQ in our own database.
BROKER_IS_POSTGRES = _broker_url is None
CELERY_BROKER_URL = _broker_url or broker.PGMQ
CELERY_BROKER_TRANSPORT_OPTIONS = broker.transport_options(
    broker.database_conninfo(DATABASES["default"]) if BROKER_IS_POSTGRES else None,
    # Seconds until a task of a killed worker runs again elsewhere; longer than any batch may take.
    visibility_timeout=env.integer("TASK_TIMEOUT", 900, at_least=1, at_most=86_400),
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = broker.QUEUE
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CONCURRENCY = env.integer("WORKER_CONCURRENCY", 2, at_least=1, at_most=64)
# PGMQ's queue names are too short for reply queues; workers show themselves in a table instead.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# A task outlives a restart of the broker; should it be delivered again, it finds its work done.
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
# KiB; a process that grew beyond this is replaced when its task ends.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 250_000
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    # Finds what is due (registries to sync, runs that lost their worker) and starts it.
    "tick": {
        "task": "registry_browser.tasks.tick",
        "schedule": 10.0,
        # Ticks that pile up while no worker runs would all do the same.
        "options": {"expires": 10},
    },
    # At a quiet hour, or as soon as the scheduler runs again.
    "forget": {
        "task": "registry_browser.tasks.forget",
        "schedule": crontab(hour=3, minute=20),
        "options": {"expires": 3600},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "schedule")

# -- Static files. `manage.py prepare` and `up` collect them; names carry a hash of the content.

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG

# -- Security

AUTH_USER_MODEL = "registry_browser.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign-in"
# Where `manage.py up` serves.
REGISTRY_BROWSER_BIND = env.text("BIND", "127.0.0.1")
REGISTRY_BROWSER_PORT = env.integer("PORT", 8000, at_least=1, at_most=65_535)
# What a person on this machine opens; nobody can open the addresses that mean all of them.
_host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(REGISTRY_BROWSER_BIND, REGISTRY_BROWSER_BIND)
_host = f"[{_host}]" if ":" in _host else _host
REGISTRY_BROWSER_ADDRESS = f"http://{_host}:{REGISTRY_BROWSER_PORT}"
# Whoever is on the machine itself, and the address that it serves on, need no naming: the probes
# ask there, and the first sign-in link leads there.
ALLOWED_HOSTS = [*env.words("ALLOWED_HOSTS"), "127.0.0.1", "localhost", "[::1]", _host]
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
# An https origin means a proxy in front that ends TLS and says so in this header.
_https = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
# Proxies that say in X-Forwarded-For whom they ask for; nobody else is believed.
REGISTRY_BROWSER_TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "font-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
SILENCED_SYSTEM_CHECKS = [
    "security.W004",  # HSTS belongs to the proxy that has the certificate.
    "security.W008",  # So does the redirect to https.
]

# -- API

# What each address asks for and answers with is in `registry_browser.api.views.base`.
REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["registry_browser.api.permissions.ReadersAndAdmins"],
    "DEFAULT_SCHEMA_CLASS": "registry_browser.api.schema.ApiSchema",
    # What an answer looks like is up to its address and `Accept`; `?format=` is a parameter like
    # any other.
    "URL_FORMAT_OVERRIDE": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Registry Browser",
    "VERSION": "1",
    "DESCRIPTION": "What container registries hold, from the record.",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    # Several things have a state; the schema names each list of states after its thing.
    "ENUM_NAME_OVERRIDES": {
        "RegistryState": "registry_browser.models.RegistryState",
        "RunState": "registry_browser.models.RunState",
        "DeliveryState": "registry_browser.models.DeliveryState",
        "NotificationKind": "registry_browser.models.NotificationKind",
        "RunPhase": "registry_browser.models.SyncPhase",
        "PlanState": "registry_browser.models.PlanState",
        "PlanPhase": "registry_browser.models.PlanPhase",
        "ManifestState": "registry_browser.api.serializers.manifests.STATES",
    },
}

# -- Logging

LOG_FORMAT = env.choice("LOG_FORMAT", "console", among=("console", "json"))
LOGGING = logs.logging_config(
    LOG_FORMAT, env.choice("LOG_LEVEL", "INFO", among=("DEBUG", "INFO", "WARNING", "ERROR"))
)
logs.configure_structlog()
DJANGO_STRUCTLOG_CELERY_ENABLED = True
# It would believe whatever X-Forwarded-For says; `client_address` knows whom to believe.
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False

# -- The dashboard itself

# A bearer token that /metrics asks for; None leaves it to this machine and to who is signed in.
REGISTRY_BROWSER_METRICS_TOKEN = env.raw("METRICS_TOKEN")
