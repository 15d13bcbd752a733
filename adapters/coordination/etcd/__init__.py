"""Coordination through etcd: everything is a key, whatever must go with its process hangs on a lease, and one watch
tells all who wait."""
