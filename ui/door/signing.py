"""Signing in and out: the door's own form, and the way to an identity provider."""

from __future__ import annotations

import asyncio
import hmac
from urllib.parse import parse_qs, quote

from ui.door import signin
from ui.door.answers import COOKIE, HTML, Answers
from ui.door.caller import header
from ui.door.providers import start_address

RETURN_COOKIE = "npf_return"  # where a visitor comes back to from the identity provider
FORM_BYTES, FORM_SECONDS = 16_384, 10.0


class Signing(Answers):
    """The part of a visit that asks who is there."""

    async def _ask_to_sign_in(self) -> None:
        wants_page = "text/html" in header(self.scope, b"accept") and self.scope["method"] in ("GET", "HEAD")
        if not wants_page:
            await self._say(401, "sign in first")
            return
        if self.settings.user_header:
            await self._say(401, "sign in at the proxy in front of this server")
            return
        query = self.scope["query_string"].decode("latin-1")
        here = quote(str(self.scope["path"]), safe="/%:@!$&'()*+,;=~") + (f"?{query}" if query else "")
        await self._show_sign_in(401, here)

    async def _show_sign_in(self, status: int, back: str, error: str = "", retry: float | None = None) -> None:
        base, back = self.settings.base, signin.safe_return(back, self.settings.base)
        if self.settings.password:
            page = signin.password_page(base, back, error)
        else:
            page = signin.provider_page(base, back, self.settings.providers)
        extra = [(b"retry-after", str(int(retry) + 1).encode())] if retry else []
        await self._own(status, page, HTML, extra)

    async def _sign_in(self) -> None:
        if self.scope["method"] != "POST":
            back = signin.safe_return(self._query("next", "/"), self.settings.base)
            if self._may_enter():
                await self._redirect(back)
            else:
                await self._show_sign_in(200, back)
            return
        form = await self._form()
        if form is None:
            await self._say(413, "this form is too large")
            return
        given, back = form.get("password", ""), form.get("next", "/")
        throttle, address = self.door.throttle, self.caller.address
        wait = throttle.wait(address)
        if wait:
            await self._show_sign_in(429, back, f"Too many wrong passwords. Try again in {_words(wait)}.", wait)
        elif not given:
            await self._show_sign_in(400, back, signin.EMPTY)
        elif same(given, self.settings.password):
            throttle.right(address)
            token = self.door.tickets.issue(self.settings.password)
            seconds = int(self.settings.hours * 3600)
            back = signin.safe_return(back, self.settings.base)
            await self._redirect(back, self._cookie(COOKIE, token, seconds))
        else:
            throttle.wrong(address)
            await self._show_sign_in(401, back, signin.WRONG)

    async def _sign_out(self) -> None:
        """At once where one of our pages led here; a page of another site may not sign a visitor out."""
        ours = header(self.scope, b"sec-fetch-site") == "same-origin" or self.scope["method"] == "POST"
        if not ours:
            await self._own(200, signin.sign_out_page(self.settings.base), HTML)
            return
        self.door.tickets.end(self._cookies().get(COOKIE, ""))
        await self._redirect(f"{self.settings.base}/sign-in", self._cookie(COOKIE, "", 0))

    async def _to_provider(self) -> None:
        name = self._query("provider", "default")
        address = start_address(name, self.settings) if name in self.settings.providers else None
        if address is None:
            await self._say(503, "signing in is not possible: the server's log says why")
            return
        back = signin.safe_return(self._query("next", "/"), self.settings.base)
        await self._redirect(address, self._cookie(RETURN_COOKIE, quote(back), 600))

    async def _form(self) -> dict[str, str] | None:
        """The fields of a small form; None where it is too large, or does not come."""
        body = b""
        try:
            async with asyncio.timeout(FORM_SECONDS):
                while True:
                    message = await self.receive()
                    body += message.get("body", b"")
                    if message["type"] == "http.disconnect" or len(body) > FORM_BYTES:
                        return None
                    if not message.get("more_body"):
                        break
            fields = parse_qs(body.decode("utf-8"), max_num_fields=10, keep_blank_values=True)
        except (TimeoutError, ValueError):
            return None
        return {name: values[0] for name, values in fields.items()}


def same(given: str, password: str) -> bool:
    """Compare in a time that tells nothing, whatever the lengths."""
    key = b"npf"  # digests of one length: compare_digest tells lengths apart
    one, other = (hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256") for text in (given, password))
    return hmac.compare_digest(one, other)


def _words(seconds: float) -> str:
    whole = int(seconds) + 1
    if whole < 120:
        return f"{whole} second{'s' if whole > 1 else ''}"
    return f"{whole // 60} minutes"
