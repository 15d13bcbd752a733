"""Who holds what, who leads, who works: decided by one store that all processes ask.

A backend implements `store.Store` alone: sessions, ordered claims with tokens, keys with compare-and-set, one feed of
changes. Lock, election, keys, tasks and cron are written once over it. Expiry never trusts wall clocks, nothing is
decided by a flag that was read before, and whatever may come twice is harmless the second time.
"""
