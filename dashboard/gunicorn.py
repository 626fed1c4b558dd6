"""Gunicorn's configuration; it is read with `gunicorn -c python:dashboard.gunicorn`."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

from django.conf import settings

_bind = settings.REGISTRY_BROWSER_BIND
bind = f"{f'[{_bind}]' if ':' in _bind else _bind}:{settings.REGISTRY_BROWSER_PORT}"
wsgi_app = "dashboard.wsgi:application"
worker_class = "gthread"
workers = 2
threads = 4
timeout = 60
graceful_timeout = 10
# Pages name each request in the structured log already.
accesslog = None
logconfig_dict = settings.LOGGING
control_socket_disable = True
