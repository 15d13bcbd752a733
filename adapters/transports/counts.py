"""What a node counts for Prometheus (text format 0.0.4), in a registry of its own: nothing of the process slips in."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

MEDIA = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60)


class Counts:
    """Requests and followers of one server, and whatever other collectors it is given."""

    def __init__(self, others: Iterable[Collector] = ()) -> None:
        self._registry = CollectorRegistry()
        for other in others:
            self._registry.register(other)
        self._paths: frozenset[str] = frozenset()
        self._requests = Counter(
            "syncdeck_http_requests", "Requests answered.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "syncdeck_http_request_seconds",
            "Time from a request to the end of its answer.",
            ("path",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self.followers = Gauge("syncdeck_http_followers", "Lines open for following.", registry=self._registry)

    def expect(self, paths: Iterable[str]) -> None:
        """Tell which addresses exist; what others ask for is counted together, or a scanner would fill the memory."""
        self._paths = frozenset(paths)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered; addresses that do not exist are one."""
        label = path if path in self._paths else "other"
        self._requests.labels(label, str(status)).inc()
        self._seconds.labels(label).observe(seconds)

    def text(self) -> bytes:
        """Return all counts as Prometheus reads them."""
        return generate_latest(self._registry)
