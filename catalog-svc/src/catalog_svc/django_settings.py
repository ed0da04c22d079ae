"""Django's settings module, made from `catalog_svc.settings`. Nothing is decided by a file of its own."""

from urllib.parse import unquote, urlsplit

from catalog_svc.settings import settings

_settings = settings()
_database = urlsplit(_settings.database_url)

SECRET_KEY = _settings.secret_key.get_secret_value()
DEBUG = False
ALLOWED_HOSTS = _settings.hosts

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.sessions",
    "django.contrib.messages",
    "catalog_svc.audit",
    "catalog_svc.accounts",
    "catalog_svc.institutions",
    "catalog_svc.access",
    "catalog_svc.datasets",
    "catalog_svc.harvesting",
    "catalog_svc.operators",
    "catalog_svc.pages",
    "catalog_svc.webhooks",
    "catalog_svc.exports",
    "catalog_svc.search",
    "catalog_svc.stewardship",
    "catalog_svc.suggestions",
    "catalog_svc.versions",
]
# Each synchronous middleware would cost a change of thread: what Django's own would do, `guard` does at once
MIDDLEWARE = ["catalog_svc.middleware.guard"]
ROOT_URLCONF = "catalog_svc.urls"
AUTH_USER_MODEL = "accounts.Account"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(_database.path.lstrip("/")),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": _database.hostname or "",
        "PORT": str(_database.port or ""),
        # every request has a thread of its own, so connections are pooled, and looked at before they are used again
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "pool": {"min_size": 0, "max_size": _settings.database_connections, "timeout": 4},
            "options": f"-c statement_timeout={_settings.statement_timeout_seconds}s -c timezone=UTC"
            " -c idle_in_transaction_session_timeout=15s",
        },
    }
}

# Argon2id with the second of OWASP's equivalent parameter sets: Django's default takes 100 MB for each attempt
PASSWORD_HASHERS = ["catalog_svc.accounts.passwords.Hasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/admin/static/"  # what Django's admin is dressed in; served by `operators.assets`

# Cookies go over HTTPS only where people use HTTPS; then their names keep other hosts from setting them, too
_is_https = _settings.public_url.startswith("https://")
_host_only = "__Host-" if _is_https else ""
AUTHENTICATION_BACKENDS = ["catalog_svc.accounts.sessions.Backend"]
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_NAME = f"{_host_only}session"
SESSION_COOKIE_AGE = _settings.session_hours * 3600
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _is_https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = f"{_host_only}csrftoken"
CSRF_TRUSTED_ORIGINS = ["{0.scheme}://{0.netloc}".format(urlsplit(_settings.public_url))]
CSRF_FAILURE_VIEW = "catalog_svc.urls.cross_site"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
APPEND_SLASH = False
LOGGING_CONFIG = None  # dataplatform.telemetry writes the logs

DATA_UPLOAD_MAX_MEMORY_SIZE = 262_144
