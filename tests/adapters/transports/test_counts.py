"""What Prometheus is told."""

from __future__ import annotations

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.adapters.transports.asking import JSON
from tests.adapters.transports.nodes import TOKEN


async def test_metrics_tell_what_was_asked_and_how_it_ended(http: httpx.AsyncClient) -> None:
    await http.get("/latest-version")
    await http.post("/push", content=b"{", headers=JSON)
    for number in range(30):
        await http.get(f"/scan/{number}")
    text = (await http.get("/metrics")).text
    requests = {
        (sample.labels["path"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "syncdeck_http_requests_total"
    }
    assert requests == {("/latest-version", "200"): 1, ("/push", "400"): 1, ("other", "404"): 30}
    assert TOKEN not in text
