"""Looks before `manage.py up` leaps: is another one running, is the port free, does it answer."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.management.base import CommandError

from dashboard.env import WrongSetting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Whatever proxy leads out of here, this machine is not behind it.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# A predecessor that was just killed needs a moment to give up its port.
PORT_SECONDS = 3.0


@contextmanager
def the_only_one(home: Path) -> Iterator[None]:
    """Refuse a second dashboard on the same home: two schedulers would start everything twice.

    The lock goes with the process, however it ends. Raises CommandError and WrongSetting.
    """
    file = home / "up.lock"
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        reason = f"cannot use {error.filename}: {error.strerror}"
        raise WrongSetting("REGISTRY_BROWSER_HOME", reason) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise CommandError(f"REGISTRY_BROWSER_HOME: another dashboard runs on {home}.") from None
    try:
        yield
    finally:
        os.close(lock)


def wait_for_port(host: str, port: int) -> None:
    """Return when the port is free. Raises WrongSetting when it stays taken."""
    deadline = time.monotonic() + PORT_SECONDS
    while True:
        reason = _why_not(host, port)
        if reason is None:
            return
        if time.monotonic() > deadline:
            raise WrongSetting("PORT", f"cannot serve on {host}:{port}: {reason}")
        time.sleep(0.1)


def _why_not(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


async def answers(url: str) -> None:
    """Return when the address, one of this machine, answers with success."""
    while not await asyncio.to_thread(_answers_now, url):
        await asyncio.sleep(0.1)


def _answers_now(url: str) -> bool:
    try:
        with _DIRECTLY.open(url, timeout=5):
            return True
    except OSError:
        return False
