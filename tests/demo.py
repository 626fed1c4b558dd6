"""`make demo`: the dashboard over a sample registry that changes while you watch.

The sample is the fake registry of the tests, filled with a company's content and served as a
process of its own. Its record lives in `var/demo` and begins anew each time.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.request
from functools import partial
from pathlib import Path

from dashboard.guard import answers, the_only_one
from dashboard.supervisor import die_with

CHECKOUT = Path(__file__).resolve().parent.parent
HOME = CHECKOUT / "var" / "demo"
NAME = "acme"
# Each step moves tags and leaves something dangling: enough for a history, soon enough to be seen.
STEPS = 4


def main() -> int:
    """Run registry and dashboard until Ctrl-C; return the dashboard's exit status."""
    with the_only_one(HOME.with_name("demo-start")):
        with the_only_one(HOME):
            shutil.rmtree(HOME)
        return _serve()


def _serve() -> int:
    registry = _start("-m", "tests.fake_registry", "--company", "--control", piped=True)
    assert registry.stdout is not None
    url = registry.stdout.readline().rpartition(" ")[2].strip()
    if not url:
        return registry.wait()
    environment = {**os.environ, "REGISTRY_BROWSER_HOME": str(HOME)}
    up = _start("manage.py", "up", "--registry", url, "--as", NAME, environment=environment)
    signal.signal(signal.SIGTERM, lambda *_: up.send_signal(signal.SIGTERM))
    # Ctrl-C reaches the dashboard by itself, and the end of the dashboard is ours.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_live, args=(url, environment), daemon=True).start()
    status = up.wait()
    registry.terminate()
    registry.wait()
    return status


def _live(url: str, environment: dict[str, str]) -> None:
    """Let the company work: change something, sync, and again."""
    asyncio.run(answers(f"http://127.0.0.1:{os.environ.get('PORT', '8000')}/healthz"))
    for _ in range(STEPS):
        if _start("manage.py", "sync", NAME, piped=True, environment=environment).wait() != 0:
            return
        change = urllib.request.Request(f"{url}/_fake/evolve", method="POST")
        urllib.request.urlopen(change, timeout=60).close()
    _start("manage.py", "sync", NAME, piped=True, environment=environment).wait()


def _start(
    *arguments: str, piped: bool = False, environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if piped else None,
        text=True,
        start_new_session=piped,
        preexec_fn=partial(die_with, os.getpid(), signal.SIGTERM),
    )


if __name__ == "__main__":
    sys.exit(main())
