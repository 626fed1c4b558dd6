"""What every address of the API has in common: who may ask, how faults read, and how a list is
walked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.permissions import SAFE_METHODS
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from registry_browser.api.authentication import TokenAuthentication
from registry_browser.api.errors import problem_response
from registry_browser.api.pagination import Order, cursor_for, next_address, read_cursor, read_page
from registry_browser.api.parameters import BoundedJSONParser, PageParameters, Parameters
from registry_browser.api.permissions import ReadersAndAdmins
from registry_browser.api.schema import ApiSchema
from registry_browser.api.serializers.problems import page_of
from registry_browser.models import Registry, Repository, User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.db.models import QuerySet
    from rest_framework.renderers import BaseRenderer
    from rest_framework.request import Request
    from rest_framework.schemas.inspectors import ViewInspector
    from rest_framework.serializers import Serializer


class ApiView(APIView):
    """An address. `asked` holds its query parameters, checked."""

    # The first one says what a 401 answer asks for.
    authentication_classes = (TokenAuthentication, SessionAuthentication)
    permission_classes = (ReadersAndAdmins,)
    parser_classes = (BoundedJSONParser,)
    renderer_classes: Sequence[type[BaseRenderer]] = (JSONRenderer,)
    metadata_class = None
    schema: ViewInspector | None = ApiSchema()
    parameters: ClassVar[type[Parameters]] = Parameters
    asked: Mapping[str, Any]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse what may not be asked, in this order: who, whether, then how."""
        super().initial(request, *args, **kwargs)
        allowed = self.parameters if request.method in SAFE_METHODS else Parameters
        parameters = allowed(data=request.query_params.dict())
        parameters.is_valid(raise_exception=True)
        self.asked = parameters.validated_data

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Raise NotAuthenticated or PermissionDenied, as DRF does, with a sentence that helps."""
        if request.authenticators and not request.successful_authenticator:
            raise NotAuthenticated("Sign in, or send a token: `Authorization: Bearer …`.")
        super().permission_denied(request, message, code)

    def get_exception_handler(self) -> Callable[[Exception, Any], Response | None]:
        return problem_response

    @property
    def default_response_headers(self) -> dict[str, str]:
        return {**super().default_response_headers, "Cache-Control": "private, no-cache"}

    @property
    def user(self) -> User:
        """Who asks; ReadersAndAdmins lets nobody else come this far."""
        return cast("User", self.request.user)

    def registry(self, name: str) -> Registry:
        """The registry, if the user may see it. Raises NotFound."""
        registry = Registry.objects.visible_to(self.user).filter(name=name).first()
        if registry is None:
            raise NotFound(
                f"There is no registry named {name}. GET registries/ lists those there are."
            )
        return registry

    def repository(self, name: str, path: str) -> Repository:
        """The repository, with its registry, if the user may see both. Raises NotFound."""
        registry = self.registry(name)
        repository = (
            Repository.objects.visible_to(self.user).filter(registry=registry, path=path).first()
        )
        if repository is None:
            raise NotFound(f"The registry {name} has no repository {path} in the record.")
        repository.registry = registry
        return repository


class ListView(ApiView):
    """A list, a page at a time.

    A subclass says which rows there are (`rows`), names its orders (`orderings`: the public name of
    each, with the columns that together are unique), and may turn a page of models into rows for
    display in a fixed number of statements (`show`).
    """

    parameters = PageParameters
    serializer: ClassVar[type[Serializer[Any]]]
    orderings: ClassVar[Mapping[str, tuple[str, ...]]]
    default_ordering: ClassVar[str]

    def rows(self, **place: str) -> QuerySet[Any]:
        raise NotImplementedError

    def fitting(self, rows: list[Any]) -> list[Any]:
        """Those of `rows`, from the first on, that make a page of bearable size; all, if nothing
        else is said.
        """
        return rows

    def show(self, rows: list[Any]) -> Sequence[Any]:
        """What the serializer gets for a page of models; the models themselves, if nothing else is
        said.
        """
        return rows

    def context(self, rows: list[Any]) -> dict[str, Any]:
        """What the serializer needs besides its row."""
        return {"request": self.request}

    def get(self, request: Request, **place: str) -> Response:
        ordering = self.asked.get("ordering", self.default_ordering)
        order = Order(
            self.orderings[ordering.removeprefix("-")], descending=ordering.startswith("-")
        )
        list_and_order = f"{request.path}:{ordering}"
        cursor = self.asked.get("cursor")
        after = None if cursor is None else read_cursor(cursor, place=list_and_order)
        page = read_page(self.rows(**place), order, after, self.asked["page_size"])
        rows = self.fitting(page.rows)
        following = None
        if page.more or len(rows) < len(page.rows):
            following = next_address(
                request, cursor_for(order.values(rows[-1]), place=list_and_order)
            )
        answer = page_of(self.serializer)(
            {"results": self.show(rows), "next": following}, context=self.context(rows)
        )
        return Response(answer.data)


class UnknownAddress(ApiView):
    """Whatever else is asked for below `/api/v1/`."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super(ApiView, self).initial(request, *args, **kwargs)
        hint = "" if request.path.endswith("/") else " Addresses of the API end with a slash."
        raise NotFound(
            f"Nothing is at this address.{hint} GET /api/v1/docs/ describes those there are."
        )
