"""What several of these tests look at."""

import re
from pathlib import Path

import pytest
from django.conf import settings


@pytest.fixture(scope="session")
def sprite() -> set[str]:
    """The ids of all drawings in the sprite."""
    text = Path(settings.BASE_DIR, "static/img/icons.svg").read_text(encoding="utf-8")
    return set(re.findall(r'<symbol id="([^"]+)"', text))
