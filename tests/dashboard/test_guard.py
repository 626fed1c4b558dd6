"""What `manage.py up` asks before it prints the link, and whether it would be let in."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from django.http.request import split_domain_port, validate_host

from dashboard.guard import answers

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).resolve().parents[2]
TELL = """
import json, django
django.setup()
from django.conf import settings
print(json.dumps([settings.REGISTRY_BROWSER_ADDRESS, settings.ALLOWED_HOSTS]))
"""


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def healthy() -> Iterator[str]:
    """The address of something that is well."""
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/healthz"
        server.shutdown()
        thread.join()


def test_this_machine_is_not_asked_through_a_proxy(
    healthy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    asyncio.run(asyncio.wait_for(answers(healthy), 60))


@pytest.mark.parametrize(
    ("bind", "host"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("192.0.2.7", "192.0.2.7"),
        ("fd00::7", "[fd00::7]"),
    ],
)
def test_the_printed_link_can_be_opened_and_is_let_in_whatever_other_names_are_allowed(
    bind: str, host: str, tmp_path: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=CHECKOUT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "REGISTRY_BROWSER_HOME": str(tmp_path),
            "ALLOWED_HOSTS": "dash.example.com",
            "BIND": bind,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    address, hosts = json.loads(told.stdout)

    assert address == f"http://{host}:8000"
    assert validate_host(split_domain_port(urlsplit(address).netloc)[0], hosts)
    assert validate_host("dash.example.com", hosts)
    assert not validate_host("elsewhere.example", hosts)
