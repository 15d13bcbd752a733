"""Backends of coordination beside the engine's own SQLite: each a `Store` and nothing more (`engine/coordination`).

A backend translates what its client raises into the engine's errors and adds its own name once; it repeats nothing by
itself that is not harmless to repeat, and every request has a time-out. What it cannot do it says in its promises.

    redis/, postgres/           sessions that are observed; `hand_over` keeps who waits here and what is held here,
                                `observing` looks after everybody's heart-beats, `standing_in_line` joins both
    etcd/, consul/, nats/       sessions of the server's own, or as good; `own_sessions` keeps what is held here,
                                `chores` what an open store does beside the calls
    memcached, memcached_line   keys alone; `keys_alone` refuses the rest

Beside them: `mailboxes` tells changes to any number of followers, `records` is what is written beside others' keys,
`refusals` are sentences that several say, `web_settings`, `http_pool`, `http_line` and `tls_faults` the way to who
speaks HTTP.
"""
