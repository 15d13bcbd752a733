"""No secret reaches a log, an event, a plan or an error, in whatever form it is written."""

from __future__ import annotations

import base64
import io
import json
import logging
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.redaction import HIDDEN, REDACTOR, RedactingFilter, Redactor, is_secret_name, redact

SECRET = 'hunter2/"ä & more'


def knowing(*secrets: str) -> Redactor:
    redactor = Redactor()
    for secret in secrets:
        redactor.register(secret)
    return redactor


FORMS = {
    "as it is": SECRET,
    "percent-encoded": quote(SECRET, safe=""),
    "escaped in JSON": json.dumps(SECRET)[1:-1],
    "in base64": base64.b64encode(SECRET.encode()).decode(),
    "in URL-safe base64": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "in a repr": repr([SECRET])[2:-2],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_registered_secret_is_hidden(form: str) -> None:
    assert knowing(SECRET).text(f"before {FORMS[form]} after") == f"before {HIDDEN} after"


@pytest.mark.parametrize("user", ["a", "ab", "abc"])
def test_a_secret_is_found_inside_basic_authentication_at_any_offset(user: str) -> None:
    encoded = base64.b64encode(f"{user}:correct horse battery".encode()).decode()
    hidden = knowing("correct horse battery").text(f"sent {encoded}")
    assert HIDDEN in hidden
    assert len(hidden) < len(f"sent {encoded}") - 20


def test_a_key_file_is_hidden_line_by_line() -> None:
    lines = [
        "-----BEGIN KEY-----",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
        "BKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj",
        "-----END KEY-----",
    ]
    redactor = knowing("\n".join(lines))
    assert redactor.text(f"bad line: {lines[1]}") == f"bad line: {HIDDEN}"
    assert redactor.text(lines[0]) == lines[0]


def test_very_short_secrets_do_not_blank_out_every_text() -> None:
    assert knowing("a", "ab", "abc", "").text("a cab and abc") == "a cab and abc"


LOOKS = {
    "https://bob:pw@host/path": f"https://bob:{HIDDEN}@host/path",
    "postgresql://bob:p@ss@db/wiki": f"postgresql://bob:{HIDDEN}@db/wiki",
    "redis://:pw@host": f"redis://:{HIDDEN}@host",
    "Authorization: Bearer abc.def": f"Authorization: {HIDDEN}",
    "{'authorization': 'Basic Ym9iOnB3', 'x': 1}": f"{{'authorization': '{HIDDEN}', 'x': 1}}",
    "sent Bearer abcdefghijklmnop": f"sent Bearer {HIDDEN}",
    "GET /x?token=abc&page=2": f"GET /x?token={HIDDEN}&page=2",
    "access_token=abc password=def": f"access_token={HIDDEN} password={HIDDEN}",
    '{"client_secret": "abc", "id": 7}': f'{{"client_secret": "{HIDDEN}", "id": 7}}',
    "password: 'a b'": f"password: '{HIDDEN}'",
    "  password: abc\n  key: email": f"  password: {HIDDEN}\n  key: email",
    "api-key=abc": f"api-key={HIDDEN}",
}


@pytest.mark.parametrize("text", LOOKS)
def test_what_looks_like_a_secret_is_hidden_though_nobody_registered_it(text: str) -> None:
    assert Redactor().text(text) == LOOKS[text]


@pytest.mark.parametrize(
    "text",
    [
        'password: "keyring:staff"',
        "token: env:SLACK_TOKEN",
        "ldap://127.0.0.1:1389",
        "https://host:8470/a@b",
        "https://host/path?mail=a:b@c",
        "adapters.staff.password: a secret must not stand in this file.",
        "the fencing token=17 is stale, token: 18 holds",
        "passed: 12, tokens counted: many",
        "basic rules",
        "keyboard=qwerty",
    ],
)
def test_references_addresses_and_sentences_stay(text: str) -> None:
    assert Redactor().text(text) == text


def test_values_are_hidden_all_the_way_down_and_by_name() -> None:
    event = {
        "reason": f"refused: {SECRET}",
        "settings": {"url": "https://bob:pw@host", "token": "abc", "password": "keyring:staff", "pages": [SECRET, 7]},
        "fence": {"token": 17},
        SECRET: (SECRET, None, True),
        "raw": SECRET.encode(),
    }
    assert knowing(SECRET).value(event) == {
        "reason": f"refused: {HIDDEN}",
        "settings": {
            "url": f"https://bob:{HIDDEN}@host",
            "token": HIDDEN,
            "password": "keyring:staff",
            "pages": [HIDDEN, 7],
        },
        "fence": {"token": 17},
        HIDDEN: (HIDDEN, None, True),
        "raw": HIDDEN.encode(),
    }


class Line(msgspec.Struct, frozen=True):
    """A line of a plan."""

    why: str
    password: str = ""
    inner: tuple[Line, ...] = ()


def test_the_values_of_a_plan_are_hidden_and_the_plan_itself_is_untouched() -> None:
    plan = Line(why=SECRET, password="x", inner=(Line(why="ok"), Line(why=f"{SECRET}!")))
    hidden = knowing(SECRET).value(plan)
    assert hidden == Line(why=HIDDEN, password=HIDDEN, inner=(Line(why="ok"), Line(why=f"{HIDDEN}!")))
    assert plan.why == SECRET


def test_bytes_that_are_no_text_survive() -> None:
    assert knowing(SECRET).value(b"\xff\xfe" + SECRET.encode()) == b"\xff\xfe" + HIDDEN.encode()


def logged(write: object, redactor: Redactor) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(url)s", defaults={"url": ""}))
    handler.addFilter(RedactingFilter(redactor))
    logger = logging.getLogger("test of redaction")
    logger.propagate = False
    logger.addHandler(handler)
    assert callable(write)
    write(logger)
    logger.removeHandler(handler)
    return stream.getvalue()


def fail_with_the_secret(logger: logging.Logger) -> None:
    try:
        int(SECRET)
    except ValueError:
        logger.exception("failed", stack_info=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda logger: logger.warning("sent %s", SECRET),
        lambda logger: logger.warning("sent %(what)s", {"what": SECRET}),
        lambda logger: logger.warning(SECRET, extra={"url": f"https://x/{SECRET}"}),
        fail_with_the_secret,
    ],
)
def test_a_log_line_hides_secrets_in_arguments_extras_and_tracebacks(write: object) -> None:
    text = logged(write, knowing(SECRET))
    assert HIDDEN in text
    assert "hunter2" not in text


def test_a_formatter_of_its_own_does_not_get_at_the_exception() -> None:
    fault = ConnectionError(SECRET)
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "failed", (), (ConnectionError, fault, None))
    assert RedactingFilter(knowing(SECRET)).filter(record)
    assert record.exc_info is None
    assert record.exc_text == f"ConnectionError: {HIDDEN}"


def test_a_log_line_without_secrets_stays() -> None:
    assert logged(lambda logger: logger.warning("%d of %s", 3, "wiki"), knowing(SECRET)) == "3 of wiki \n"


def test_the_text_of_an_error_is_hidden() -> None:
    assert knowing(SECRET).value(ValueError(SECRET)) == HIDDEN


def test_the_process_has_one_redactor() -> None:
    REDACTOR.register("a secret of this very test")
    assert redact("told: a secret of this very test") == f"told: {HIDDEN}"
    assert "secret" not in repr(REDACTOR)


@pytest.mark.parametrize("name", ["password", "bind_password", "X-Api-Key", "Authorization", "client_secret", "Cookie"])
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["key", "name", "tokens_left", "path", "Accept", 7, None])
def test_other_names_are_not(name: object) -> None:
    assert not is_secret_name(name)


pieces = st.sampled_from(
    [
        "password",
        "token",
        "=",
        ": ",
        "://",
        "@",
        ":",
        "bob",
        "'",
        '"',
        " ",
        "\n",
        "Bearer ",
        "abcdefghijklmno",
        "{",
        "}",
        "7",
    ]
)
texts = st.lists(pieces | st.text(max_size=4), max_size=14).map("".join)


@given(texts)
def test_hiding_twice_changes_nothing_more(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once


@given(st.text(min_size=4).filter(str.strip), texts, texts)
def test_no_text_around_it_brings_a_registered_secret_through(secret: str, before: str, after: str) -> None:
    parts = knowing(secret).text(f"{before}{secret}{after}").split(HIDDEN)
    assert all(secret not in part for part in parts)


@given(st.dictionaries(texts, texts | st.lists(texts, max_size=3), max_size=4))
def test_what_is_not_suspected_is_left_as_it_is(value: dict[str, object]) -> None:
    redactor = knowing("correct horse")
    if not redactor.suspects(json.dumps(value, ensure_ascii=False)):
        assert redactor.value(value) == value


@pytest.mark.timeout(10)
def test_a_megabyte_of_dots_takes_no_minutes() -> None:
    for text in ("a." * 500_000 + "token", "password=" * 50_000, "x://y:" * 100_000, "token: 'a" * 3_000):
        Redactor().text(text)
