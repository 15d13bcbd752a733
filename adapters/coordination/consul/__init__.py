"""Coordination through Consul: everything is a key, whatever must go with its process is locked by a session, and
blocking queries tell who waits: each waiter watches the one place before its own."""
