"""Ways between nodes: one file for each side of each way. They carry messages and decide nothing.

A transport moves the values of `engine.events.replicating.messages`; what they mean is for the engine. Nothing is ever
cut: what is too large, damaged or slow is refused in words. Tokens are sent, compared and hidden, never shown.

    http_client, http_faults                            the way out to a peer
    node_server, serving, http_server, connections      a running engine behind a socket
    gate, bodies, packing, refusals, counts, measured   what every request passes, and how it is counted
    native, following, kit (kit_pages, kit_wire)        Syncdeck's calls, its line, and go-sync-kit's
"""
