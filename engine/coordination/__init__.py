"""Who holds what, who leads, who works: decided by one store that all processes ask.

A backend implements `store.Store` alone: sessions, ordered claims with tokens, keys with compare-and-set, one feed of
changes. Lock, election, keys, tasks and cron are written once over it. Expiry never trusts wall clocks, nothing is
decided by a flag that was read before, and whatever may come twice is harmless the second time.

    store, stream                   what a backend does; `promises` what it says of itself
    standing, overview, naming      the values that go to and fro, and under which names they are kept
    observed                        pure: who died, where no server's clock is trusted (Redis, PostgreSQL)
    memory/                         the backend in dicts: the reference
    line, feed                      this process's way to the backend, and what it hears on it
    holding/                        sessions, leases, locks, elections
    working/                        tasks and those who do them
    scheduling/                     schedules and their fires
    clocks/                         how right this host's clock is
    keyspace, streaming             keys and streams as people use them
    coordination                    the façade: begin here

`means` is what the line and all that holds work with; `ground` what keys, tasks, schedules and streams stand on, which
see the store and the session through protocols alone; `duties` what the settings of a node ask for. `alarm` and
`interruption` wake who waits, and stop who works.
"""
