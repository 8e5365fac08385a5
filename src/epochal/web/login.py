"""Getting and giving rights: ``/api/login``, ``/api/logout`` and ``/api/share``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from epochal.web.answers import RefusedError, posting
from epochal.web.security import RIGHT
from epochal.web.tokens import COOKIE_S, Attempts

if TYPE_CHECKING:
    from epochal.web.security import Policy

MAX_VIEW = 8_000


def routes(policy: Policy) -> list[Route]:
    """Return the routes of this file."""
    attempts = Attempts()

    def login(request: Request, body: dict[str, Any]) -> Response:
        address = request.client.host if request.client else ""
        wait_s = attempts.wait_s(address)
        if wait_s:
            raise RefusedError(429, f"too many attempts: try again in {wait_s:.0f} s")
        token = body.get("token")
        right = policy.tokens.redeem(token) if isinstance(token, str) else ""
        if not right:
            attempts.failed(address)
            raise RefusedError(
                401, f"this link was used already or is too old: start `{policy.command}` again"
            )
        answer = Response(status_code=204)
        if request.scope[RIGHT] != "write":  # whoever tries a reading link keeps what they had
            _set_cookie(answer, policy, policy.tokens.cookie(right), COOKIE_S[right])
        return answer

    def logout(_request: Request, _body: dict[str, Any]) -> Response:
        answer = Response(status_code=204)
        _set_cookie(answer, policy, "", 0)
        return answer

    def share(request: Request, body: dict[str, Any]) -> dict[str, str]:
        view = body.get("hash") or ""
        if not isinstance(view, str) or len(view) > MAX_VIEW:
            raise RefusedError(400, f"hash must be text of at most {MAX_VIEW:,} characters")
        where = f"{request.url.scheme}://{request.headers['host']}"
        token = policy.tokens.link("read")
        return {"url": f"{where}/#token={token}&view={quote(view, safe='')}"}

    return [
        posting("/api/login", login),
        posting("/api/logout", logout),
        posting("/api/share", share),
    ]


def _set_cookie(answer: Response, policy: Policy, value: str, seconds: int) -> None:
    answer.set_cookie(
        policy.cookie, value, max_age=seconds, path="/", httponly=True, samesite="strict"
    )
