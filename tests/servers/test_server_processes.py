"""The servers that tests talk to are what they say: killed, frozen and started again, they stay the same server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.architecture.sources import ROOT
from tests.servers.chrony import start_chrony
from tests.servers.consul import start_consul
from tests.servers.engines import START, engine
from tests.servers.memcached import start_memcached
from tests.servers.nats import start_nats
from tests.servers.postgres import start_postgres
from tests.servers.redis import start_redis
from tests.servers.server_process import says


def redis_says(port: int, question: bytes, answer: bytes) -> bool:
    return says(port, question + b"\r\n", answer)


def test_what_redis_confirmed_outlives_its_death() -> None:
    with start_redis() as server:
        assert redis_says(server.port, b"SET name value", b"+OK")
        server.kill()
        server.restart()
        assert redis_says(server.port, b"GET name", b"value")


def test_what_postgres_confirmed_outlives_its_death() -> None:
    with start_postgres() as server:
        with server.connect() as connection:
            connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
        server.kill()
        server.restart()
        with server.connect() as connection:
            assert connection.execute("SELECT answer FROM t").fetchall() == [(42,)]


def test_a_paused_server_takes_connections_and_says_nothing() -> None:
    with start_memcached() as server, server.paused(), socket.create_connection(("127.0.0.1", server.port)) as asking:
        asking.settimeout(0.2)
        asking.sendall(b"version\r\n")
        with pytest.raises(TimeoutError):
            asking.recv(100)


def test_a_durable_nats_says_so() -> None:
    with start_nats(durable=True) as server:
        assert "sync_interval: always" in (server.folder / "nats.conf").read_text()
        assert says(server.port, b"", b'"jetstream":true')


def test_chrony_serves_time() -> None:
    with start_chrony() as server:
        assert server.alive


@pytest.mark.parametrize("kind", sorted(START))
def test_whoever_asks_for_a_shared_server_gets_it_running(kind: str) -> None:
    server = engine(kind)
    port = server.port
    server.kill()
    assert engine(kind) is server
    server.pause()
    assert psutil.Process(engine(kind).pid).status() != psutil.STATUS_STOPPED
    assert server.port == port


def test_a_server_that_is_stopped_has_no_process_to_signal() -> None:
    with start_memcached() as server:
        server.stop()
        with pytest.raises(RuntimeError, match="memcached is stopped"):
            _ = server.pid


def test_a_consul_that_was_given_is_not_ours_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSUL_HTTP_ADDR", "consul.example:8500")
    with start_consul() as server:
        assert server.url == "http://consul.example:8500"
        assert server.well() is server
        with pytest.raises(RuntimeError, match="Unset CONSUL_HTTP_ADDR"):
            server.restart()


def test_a_missing_server_fails_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSUL_HTTP_ADDR", raising=False)
    monkeypatch.setattr("tests.servers.server_process.shutil.which", lambda name, path: None)
    with pytest.raises(RuntimeError, match=r"make servers.*CONSUL_HTTP_ADDR"), start_consul():
        pass


def test_servers_end_with_a_test_process_that_was_killed(tmp_path: Path) -> None:
    program = "from tests.servers.engines import engine; print(engine('redis').pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as testing:
        assert testing.stdout is not None
        server = psutil.Process(int(testing.stdout.readline()))
        os.kill(testing.pid, signal.SIGKILL)
        assert psutil.wait_procs([server], timeout=10)[1] == []
