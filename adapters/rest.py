"""The one HTTP client for services: bounds, origins, secrets and errors are dealt with here and nowhere else.

It does not try again by itself: the engine owns patience for writes. The one exception is a page in the middle of a
long read (`call_patiently`), where giving up would mean beginning the whole read afresh and being throttled at the
same place again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from adapters.answers import Answer, Request, bounded_body, quoted
from adapters.connection import Auth, AuthKind, Service, address_fault, is_loopback, origin_of
from adapters.failures import raise_for_status, translated, trust
from adapters.pauses import pause_asked
from adapters.tokens import Tokens, basic
from engine.clock import Clock, SystemClock
from engine.errors import RemoteRefused, RemoteUnavailable, SettingsError
from engine.redaction import REDACTOR
from engine.settings.catalogue import EndpointContext

if TYPE_CHECKING:
    import httpx

REDIRECTS_LIMIT = 5
PATIENT_ATTEMPTS = 4
LONGEST_WAIT = timedelta(seconds=60)
FIRST_WAIT = timedelta(seconds=1)


class RestClient:
    """Calls one service. Used as `async with`; everything it raises names the adapter and hides its secrets."""

    def __init__(self, service: Service, context: EndpointContext, *, clock: Clock | None = None) -> None:
        self.name = context.name
        self.concurrency = service.concurrency
        self._service = service
        self._context = context
        self._clock = clock or SystemClock()
        self._http: httpx.AsyncClient | None = None
        self._secrets: list[str] = []
        self._tokens: Tokens | None = None
        self._free_at = 0.0
        for url in filter(None, (service.base_url, service.auth.token_url)):
            secret = service.auth.kind is not AuthKind.NONE
            if fault := address_fault(url, credentials=secret, allow_plain=service.allow_plain):
                raise SettingsError(f"{self.name}: {fault}")

    async def __aenter__(self) -> Self:
        import httpx

        service = self._service
        addresses = (service.base_url, service.auth.token_url)
        self._secrets = [self._context.secret(reference) for reference in service.auth.references]
        for secret in self._secrets:
            REDACTOR.register(secret)
        self._http = httpx.AsyncClient(
            # Loading the system's certificates takes some 50 ms; without TLS nobody needs them.
            verify=trust(self.name, service.tls, self._context)
            if "https" in {urlsplit(url).scheme for url in addresses}
            else False,
            timeout=httpx.Timeout(
                service.read_timeout.total_seconds(), connect=service.connect_timeout.total_seconds(), pool=None
            ),
            limits=httpx.Limits(max_connections=service.concurrency, max_keepalive_connections=service.concurrency),
            trust_env=not is_loopback(urlsplit(service.base_url).hostname or ""),
        )
        if service.auth.kind is AuthKind.OAUTH2:
            self._tokens = Tokens(service.auth, self._secrets[0], self._clock, self._fetch_token)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def call(self, request: Request, *, needs: str = "", tolerate: Collection[int] = ()) -> Answer:
        """Send one request and return its answer: any 2xx, any status in `tolerate`, and every other 4xx.

        `needs` completes the sentence "lacks the right to …". Raises `RemoteRefused` for 401, 403, a page where JSON
        should be, a redirect that would carry credentials elsewhere or turn a write into a read; `RemoteUnavailable`
        for 429, 503 (with the pause asked for), other 5xx, and everything the network does, `maybe_done` when a
        write's answer got lost.
        """
        answer = await self._send(request)
        if answer.status == 401 and self._tokens is not None and 401 not in tolerate:
            self._tokens.forget()
            answer = await self._send(request)
        if answer.status not in tolerate:
            self.judge(request, answer, needs)
        if answer.good and answer.data is None and answer.text and (not request.writes or "html" in answer.media_type):
            raise RemoteRefused(
                f"{self._of(request)} answered {answer.status} with {answer.media_type or 'something'} where JSON was "
                "expected, as a login page does. Check base_url and the credentials."
            )
        return answer

    async def call_patiently(self, request: Request, *, needs: str = "") -> Answer:
        """Send a read again a few times when the service is busy, waiting as long as it asks (a minute at most)."""
        wait = FIRST_WAIT
        for _ in range(PATIENT_ATTEMPTS - 1):
            try:
                return await self.call(request, needs=needs)
            except RemoteUnavailable as busy:
                pause = wait if busy.retry_after is None else busy.retry_after
                if pause > LONGEST_WAIT:
                    raise
            await self._clock.sleep(pause)
            wait *= 2
        return await self.call(request, needs=needs)

    def refusal(self, request: Request, answer: Answer, needs: str = "") -> RemoteRefused:
        """Return the error for an answer that the caller has no other use for."""
        task = f" It was asked to {needs}." if needs else ""
        return RemoteRefused(REDACTOR.text(f"{self._of(request)} answered {answer.status}.{task}{quoted(answer)}"))

    @property
    def _open_http(self) -> httpx.AsyncClient:
        if self._http is None:
            raise RuntimeError(f"{self.name} is called outside `async with`")
        return self._http

    def _of(self, request: Request) -> str:
        """Name a call as its service's log would: adapter, method, host and path, without user, query and fragment."""
        parts = urlsplit(self._address(request))
        return f"{self.name}: {request.method} {parts.netloc.rpartition('@')[2]}{parts.path}"

    def _address(self, request: Request) -> str:
        url = request.path
        if "://" not in url:
            url = self._service.base_url.rstrip("/") + ("/" + url.lstrip("/") if url else "")
        if not request.query:
            return url
        return f"{url}{'&' if '?' in url else '?'}{urlencode(request.query, quote_via=quote)}"

    async def _send(self, request: Request) -> Answer:
        """Send, following redirects within the origin as far as they keep the method (RFC 9110 §15.4)."""
        url = self._address(request)
        for _ in range(REDIRECTS_LIMIT):
            self._same_origin(url, request)
            answer = await self._exchange(url, request)
            if answer.status not in {301, 302, 303, 307, 308}:
                return answer
            if request.writes and answer.status not in {307, 308}:
                raise RemoteRefused(
                    f"{self._of(request)} was redirected ({answer.status}), which would turn the write into a read. "
                    "Set base_url to the address the service itself uses."
                )
            url = urljoin(url, answer.headers.get("location", ""))
        raise RemoteRefused(f"{self._of(request)} was redirected more than {REDIRECTS_LIMIT} times. Check base_url.")

    def _same_origin(self, url: str, request: Request) -> None:
        """Refuse an address elsewhere: credentials go to the origin of base_url and nowhere else."""
        try:
            scheme, host, port = origin_of(url)
        except ValueError:
            scheme, host, port = "", url[:80], None
        if (scheme, host, port) != origin_of(self._service.base_url):
            raise RemoteRefused(
                f"{self.name}: {request.method} was sent on to {scheme}://{host}, which is not the origin of base_url; "
                "credentials do not travel there. Check base_url."
            )

    async def _exchange(self, url: str, request: Request) -> Answer:
        headers = {
            "accept": self._service.media_type,
            "accept-encoding": "gzip, deflate",
            "cache-control": "no-cache",
            **self._service.headers,
            **request.headers,
        }
        content = None
        if request.body is not None:
            headers["content-type"] = self._service.media_type
            content = msgspec.json.encode(request.body)
        headers |= await self._credentials()
        await self._take_turn()
        with translated(self._of(request), writes=request.writes):
            return await self._stream(request.method, url, headers, content)

    async def _stream(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> Answer:
        async with self._open_http.stream(method, url, headers=headers, content=content) as response:
            encoding = response.headers.get("content-encoding", "")
            body = await bounded_body(response.aiter_raw(), encoding, self._service.body_limit_bytes)
            answer = Answer(
                status=response.status_code, headers=response.headers, text=body.decode(errors="replace"), url=url
            )
        try:
            return msgspec.structs.replace(answer, data=msgspec.json.decode(body)) if body else answer
        except msgspec.DecodeError:
            return answer

    def judge(self, request: Request, answer: Answer, needs: str) -> None:
        """Raise what a status means by itself; 2xx and the 4xx that only a caller can read pass."""
        service = self._service
        pause = pause_asked(answer.headers, self._clock.now(), family=service.rate_family, header=service.rate_header)
        raise_for_status(self._of(request), answer, needs=needs, writes=request.writes, pause=pause)

    async def _credentials(self) -> dict[str, str]:
        auth = self._service.auth
        match auth.kind:
            case AuthKind.BASIC:
                return {"authorization": basic(auth.username, self._secrets[0])}
            case AuthKind.BEARER:
                return {"authorization": f"Bearer {self._secrets[0]}"}
            case AuthKind.HEADER:
                return {auth.header: f"{auth.prefix} {self._secrets[0]}".strip()}
            case AuthKind.OAUTH2 if self._tokens:
                return {"authorization": f"Bearer {await self._tokens.current()}"}
        return {}

    async def _fetch_token(self, auth: Auth, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask the token address, which may be another origin: the settings name it."""
        request = Request(method="POST", path=auth.token_url)
        sent = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded", **headers}
        with translated(self._of(request), writes=request.writes):
            answer = await self._stream("POST", auth.token_url, sent, urlencode(form).encode())
        self.judge(request, answer, "obtain a token")
        return answer

    async def _take_turn(self) -> None:
        """Keep to `per_second` over all calls: each reserves the next free moment, then waits for it."""
        if self._service.per_second is None:
            return
        now = self._clock.monotonic()
        mine = max(now, self._free_at)
        self._free_at = mine + 1 / self._service.per_second
        if mine > now:
            await self._clock.sleep(timedelta(seconds=mine - now))
