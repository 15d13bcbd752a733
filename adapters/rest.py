"""The one HTTP client for services: bounds, origins, secrets and errors are dealt with here and nowhere else.

It does not try again by itself: the engine owns patience for writes. The one exception is a page in the middle of a
long read (`call_patiently`), where giving up would mean beginning the whole read afresh and being throttled at the
same place again.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from adapters.answers import Answer, Request, TooLarge, bounded_body, quoted
from adapters.connection import Auth, AuthKind, Service, address_fault, is_loopback, origin_of
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
            fault = address_fault(
                url, credentials=service.auth.kind is not AuthKind.NONE, allow_plain=service.allow_plain
            )
            if fault:
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
            verify=self._tls() if "https" in {urlsplit(url).scheme for url in addresses} else False,
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
        return f"{self.name}: {request.method} {urlsplit(self._address(request)).path}"

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
        async with self._translated(request):
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

    @asynccontextmanager
    async def _translated(self, request: Request) -> AsyncIterator[None]:
        """Turn what the network does into the engine's errors."""
        import httpx

        place = self._of(request)
        try:
            yield
        except TooLarge as error:
            limit = self._service.body_limit_bytes // (1024 * 1024)
            raise RemoteRefused(f"{place} answered with more than {limit} MiB. Ask for smaller pages.") from error
        except ValueError as error:
            raise RemoteUnavailable(REDACTOR.text(f"{place}: {error}."), maybe_done=request.writes) from error
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if "CERTIFICATE" in str(error):
                raise RemoteRefused(f"{place}: its certificate is not trusted ({error}). See tls.ca_file.") from error
            raise RemoteUnavailable(REDACTOR.text(f"{place}: no connection ({error or 'timed out'}).")) from error
        except httpx.TimeoutException as error:
            raise RemoteUnavailable(f"{place}: no answer in time.", maybe_done=request.writes) from error
        except httpx.TransportError as error:
            words = REDACTOR.text(str(error) or type(error).__name__)
            raise RemoteUnavailable(f"{place}: the connection broke ({words}).", maybe_done=request.writes) from error

    def judge(self, request: Request, answer: Answer, needs: str) -> None:
        """Raise what a status means by itself; 2xx and the 4xx that only a caller can read pass."""
        status, place, said = answer.status, self._of(request), REDACTOR.text(quoted(answer))
        pause = pause_asked(
            answer.headers, self._clock.now(), family=self._service.rate_family, header=self._service.rate_header
        )
        throttled = status in {429, 503} or (status == 403 and "retry-after" in answer.headers)
        if throttled:
            asked = f" and asks for a pause of {pause.total_seconds():.0f} s" if pause is not None else ""
            raise RemoteUnavailable(f"{place} answered {status} (busy){asked}.{said}", retry_after=pause)
        if status == 401:
            raise RemoteRefused(f"{place} answered 401: the credentials are not accepted.{said}")
        if status == 403:
            right = f"the right to {needs}" if needs else "the right to do this"
            raise RemoteRefused(f"{place} answered 403: these credentials lack {right}.{said}")
        if status in {408, 425}:
            raise RemoteUnavailable(f"{place} answered {status}.{said}")
        if status in {501, 505}:
            raise RemoteRefused(f"{place} answered {status}: the service does not know this call.{said}")
        if status >= 500:
            raise RemoteUnavailable(f"{place} answered {status}.{said}", maybe_done=request.writes)

    async def _credentials(self) -> dict[str, str]:
        auth = self._service.auth
        match auth.kind:
            case AuthKind.NONE:
                return {}
            case AuthKind.BASIC:
                return {"authorization": basic(auth.username, self._secrets[0])}
            case AuthKind.BEARER:
                return {"authorization": f"Bearer {self._secrets[0]}"}
            case AuthKind.HEADER:
                return {auth.header: f"{auth.prefix} {self._secrets[0]}".strip()}
            case AuthKind.OAUTH2:
                return {"authorization": f"Bearer {await self._tokens.current()}" if self._tokens else ""}

    async def _fetch_token(self, auth: Auth, form: Mapping[str, str], headers: Mapping[str, str]) -> Answer:
        """Ask the token address, which may be another origin: the settings name it."""
        request = Request(method="POST", path=auth.token_url)
        sent = {"accept": "application/json", "content-type": "application/x-www-form-urlencoded", **headers}
        async with self._translated(request):
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

    def _tls(self) -> ssl.SSLContext:
        tls, path = self._service.tls, self._context.path
        try:
            trust = ssl.create_default_context(cafile=path(tls.ca_file) if tls.ca_file else None)
            if not tls.verify:
                trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
            if tls.client_certificate:
                trust.load_cert_chain(path(tls.client_certificate), path(tls.client_key) if tls.client_key else None)
        except OSError as error:
            raise SettingsError(f"{self.name}: the certificates of tls cannot be read ({error}).") from error
        return trust
