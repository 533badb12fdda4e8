"""Who may come in, and what the page may load: two small ASGI layers around Gradio's server.

Gradio asks for the login on most of its routes, not on all (streams, cancelling, MCP); :class:`Gate` stands
before every one of them.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "connect-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

_LOGIN_PAGE = {"/", "/login", "/login/", "/theme.css", "/gradio_api/theme.css", "/favicon.ico", "/robots.txt"}
_STARTUP = "/gradio_api/startup-events"
_LOGIN_FILES = ("/assets/", "/static/")


class OwnHostOnly:
    """Tells the browser, in every response, to load nothing from and send nothing to another host."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the headers to what the application answers."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


class Gate:
    """Lets in who has logged in on the page or sends the same name and password as HTTP Basic; nobody else.

    Only the login page and the files that draw it are open. Basic is for programs: MCP clients cannot fill
    in a form.
    """

    def __init__(self, app: ASGIApp, user: str, password: str) -> None:
        self._app = app
        self._user, self._password = user.encode(), password.encode()
        self._token = secrets.token_urlsafe(32)
        self._started = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            server = scope["app"]  # Gradio's application: it issues and forgets the tokens of logins
            cookie = f"access-token-unsecure-{server.cookie_id}"
            if self._knows(headers.get("authorization", "")):
                server.tokens.setdefault(self._token, self._user.decode())
                scope = {**scope, "headers": [*scope["headers"], (b"cookie", f"{cookie}={self._token}".encode())]}
                await self._app(scope, receive, send)
                return
            if scope["path"] == _STARTUP and not self._started:  # the server's first call, to itself
                self._started = True
                await self._app(scope, receive, send)
                return
            if _is_login_page(scope["path"]) or _logged_in(headers, server.cookie_id, server.tokens):
                await self._app(scope, receive, send)
                return
        refusal = JSONResponse({"detail": "Not authenticated"}, 401, {"WWW-Authenticate": 'Basic realm="Pincite"'})
        await refusal(scope, receive, send)

    def _knows(self, authorization: str) -> bool:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(encoded, validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(user, self._user) & secrets.compare_digest(password, self._password)


def _is_login_page(path: str) -> bool:
    return path in _LOGIN_PAGE or (path.startswith(_LOGIN_FILES) and ".." not in path)


def _logged_in(headers: Headers, cookie_id: str, tokens: dict[str, str]) -> bool:
    for value in headers.getlist("cookie"):
        try:
            cookies = SimpleCookie(value)
        except CookieError:
            continue
        for name in (f"access-token-{cookie_id}", f"access-token-unsecure-{cookie_id}"):
            if name in cookies and cookies[name].value in tokens:
                return True
    return False
