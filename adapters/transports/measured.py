"""What the engine counts of its syncs, in the form of prometheus_client."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import isinf

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from engine.events.replicating.measures import Metric


class Measured(Collector):
    """Reads the engine's measures whenever it is asked."""

    def __init__(self, snapshot: Callable[[], Sequence[Metric]]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        families: dict[str, list[Metric]] = {}
        for metric in self._snapshot():
            families.setdefault(metric.name, []).append(metric)
        for name, metrics in families.items():
            yield _family(name, metrics)


def _family(name: str, metrics: Sequence[Metric]) -> Family:
    first = metrics[0]
    labels = tuple(first.labels)
    if first.kind == "histogram":
        histogram = HistogramMetricFamily(name, first.help, labels=labels)
        for metric in metrics:
            buckets = [("+Inf" if isinf(bound) else str(bound), count) for bound, count in metric.buckets]
            histogram.add_metric(tuple(metric.labels.values()), buckets, metric.value)
        return histogram
    kind = CounterMetricFamily if first.kind == "counter" else GaugeMetricFamily
    family = kind(name, first.help, labels=labels)
    for metric in metrics:
        family.add_metric(tuple(metric.labels.values()), metric.value)
    return family
