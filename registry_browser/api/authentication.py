"""Who is asking: a person with a session, or a script with `Authorization: Bearer <token>`."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed

from registry_browser.models import ApiToken

if TYPE_CHECKING:
    from datetime import datetime

    from rest_framework.request import Request

    from registry_browser.models import User

SCHEME = "Bearer"
# Of use to a person who asks which tokens are still in use; a row write for every request is not
# worth more precision.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class TokenAuthentication(BaseAuthentication):
    """Authenticates an API token. A token may do what its user may, and nothing once the user is
    deactivated.

    Raises AuthenticationFailed for a header that names our scheme and holds no valid token; other
    schemes are left to other authenticators.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, credentials = get_authorization_header(request).partition(b" ")
        if scheme.lower() != SCHEME.lower().encode():
            return None
        now = timezone.now()
        # Header bytes are Latin-1 (RFC 9110 section 5.5); ours are ASCII, so anything else is
        # simply not found.
        token = ApiToken.objects.find(credentials.strip().decode("latin-1"), now)
        if token is None:
            raise AuthenticationFailed(
                "This token is unknown, revoked or expired. Make a new one on your account page "
                "or with "
                "`manage.py create_token`."
            )
        _note_use(token, now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 answer tells the client to send (RFC 6750 section 3)."""
        return f'{SCHEME} realm="Registry Browser"'


def _note_use(token: ApiToken, now: datetime) -> None:
    """Store when the token was last used. The condition is asked again in the database: requests
    come in parallel.
    """
    stale = now - USE_IS_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at <= stale:
        ApiToken.objects.filter(
            Q(last_used_at=None) | Q(last_used_at__lte=stale), pk=token.pk
        ).update(last_used_at=now)
