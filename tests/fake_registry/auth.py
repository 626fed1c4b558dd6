"""Who may do what: Basic on every call, or Bearer tokens from a token endpoint.

Distribution answers a missing, stale or too weak token with 401 and the scope it wants, never with
403. Tokens are opaque here; clients must not look into them.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from tests.fake_registry.answers import error, json_answer
from tests.fake_registry.habits import Auth
from tests.fake_registry.state import State, Token

if TYPE_CHECKING:
    from aiohttp import web

Scope = tuple[str, str, tuple[str, ...]]  # type, name, actions


def scopes_for(method: str, repository: str | None, mounted_from: str | None = None) -> list[Scope]:
    """Return the scopes a request needs. ``repository`` "" is the catalog, None the ping."""
    if repository is None:
        return []
    if repository == "":
        return [("registry", "catalog", ("*",))]
    actions = {"GET": ("pull",), "HEAD": ("pull",), "DELETE": ("delete",)}
    scopes: list[Scope] = [("repository", repository, actions.get(method, ("pull", "push")))]
    if mounted_from:
        scopes.append(("repository", mounted_from, ("pull",)))
    return scopes


def refusal(state: State, request: web.Request, scopes: list[Scope]) -> web.Response | None:
    """Return the 401 that this request deserves, or None when it may pass."""
    if state.habits.auth is Auth.NONE:
        return None
    if state.habits.auth is Auth.BASIC:
        if basic_user(state, request.headers.get("Authorization", "")) is not None:
            return None
        return _challenge(state, scopes, f'Basic realm="{state.habits.realm}"')
    reason = _bearer_reason(state, request.headers.get("Authorization", ""), scopes)
    if reason is None:
        return None
    value = f'Bearer realm="{_realm(state, request)}",service="{state.habits.service}"'
    if scopes and state.habits.challenge_scope:
        wanted = " ".join(f"{kind}:{name}:{','.join(actions)}" for kind, name, actions in scopes)
        value += f',scope="{wanted}"'
    if reason:
        value += f',error="{reason}"'
    return _challenge(state, scopes, value)


def basic_user(state: State, authorization: str) -> str | None:
    """Return the user whose name and password this header holds, or None."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return user if state.habits.users.get(user) == password else None


async def token_endpoint(state: State, request: web.Request) -> web.Response:
    """Answer GET (Docker) and POST (OAuth2) requests for a token."""
    if request.method == "POST":
        form = await request.post()
        fields = {key: str(value) for key, value in form.items()}
        wanted = fields.get("scope", "").split()
        user = _oauth_user(state, fields)
        offline = fields.get("access_type") == "offline"
    else:
        values = request.query.getall("scope", [])
        wanted = [scope for value in values for scope in value.split()]
        authorization = request.headers.get("Authorization", "")
        user = basic_user(state, authorization) if authorization else ""
        offline = request.query.get("offline_token") == "true"
    if user is None or (user == "" and not state.habits.anonymous_pull):
        return error(state.habits, 401, "UNAUTHORIZED", message="access to the resource is denied")
    for refused in state.habits.refused_token_scopes:
        if any(refused in scope for scope in wanted):
            message = f"Unable to decode repository and actions: {' '.join(wanted)}"
            return error(state.habits, 400, "INVALID_REQUEST", message=message)
    return json_answer(state.habits, _issue(state, user, wanted, offline))


def _oauth_user(state: State, fields: dict[str, str]) -> str | None:
    if fields.get("grant_type") == "refresh_token":
        return state.refresh_tokens.get(fields.get("refresh_token", ""))
    user = fields.get("username", "")
    if not user:
        return ""
    return user if state.habits.users.get(user) == fields.get("password") else None


def _issue(state: State, user: str, wanted: list[str], offline: bool) -> dict[str, object]:
    access: dict[tuple[str, str], set[str]] = {}
    for scope in wanted:
        # A name may hold a colon (host:port), so the first and the last one count.
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        granted = set(actions.split(",")) - set(state.habits.withheld_actions)
        if not user:
            granted &= {"pull"} if kind == "repository" else {"*"}
        access.setdefault((kind, name), set()).update(granted)
    value = secrets.token_urlsafe(24)
    state.tokens[value] = Token(user, access, state.habits.token_uses)
    payload: dict[str, object] = dict.fromkeys(state.habits.token_keys, value)
    if state.habits.expires_in is not None:
        payload["expires_in"] = state.habits.expires_in
    if offline and user:
        refresh = secrets.token_urlsafe(24)
        state.refresh_tokens[refresh] = user
        payload["refresh_token"] = refresh
    return payload


def _bearer_reason(state: State, authorization: str, scopes: list[Scope]) -> str | None:
    """Return None when the token will do, else the ``error`` of the challenge ("" for none)."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "bearer":
        return ""
    token = state.tokens.get(value)
    if token is None or token.uses_left == 0:
        return "invalid_token"
    for kind, name, actions in scopes:
        granted = token.access.get((kind, name), set())
        if "*" not in granted and not granted.issuperset(actions):
            return "insufficient_scope"
    if token.uses_left is not None:
        token.uses_left -= 1
    return None


def _realm(state: State, request: web.Request) -> str:
    if state.habits.token_realm is not None:
        return state.habits.token_realm
    if state.habits.token_on_other_port:
        return f"{request.scheme}://127.0.0.1:{state.annex_port}/token"
    return f"{request.scheme}://{request.host}/token"


def _challenge(state: State, scopes: list[Scope], value: str) -> web.Response:
    detail = [
        {"Type": kind, "Class": "", "Name": name, "Action": action}
        for kind, name, actions in scopes
        for action in actions
    ]
    headers = {"WWW-Authenticate": value} if state.habits.challenge_header else {}
    return error(state.habits, 401, "UNAUTHORIZED", detail or None, headers=headers)
