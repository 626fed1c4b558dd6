"""Who may do what: everybody who is signed in reads, admins change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission

from registry_browser.models import User

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class ReadersAndAdmins(BasePermission):
    """Any role for safe methods, the admin role for the others."""

    message = "Only an admin may do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        if not isinstance(user, User) or not user.is_active:
            return False
        return request.method in SAFE_METHODS or user.is_admin
