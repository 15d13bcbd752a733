"""Coordination through NATS JetStream: one bucket (a stream that keeps the last message of each subject) for a
namespace, and a stream of its own for each event stream.

Whatever is decided is decided by the order in which the server keeps messages. Each subject has one author, or is
written only if its last message is the one that the author has seen. Nobody believes that a lock is his before he was
told everything that came before him.

    backend, settings, promises     opening, and what can be relied on
    address, line, jetstream        how to log in; one connection; requests and their answers
    layout, bucket, reading         under which subjects everything lies; in which stream; read in order
    queue, queues                   pure: the places that each session has at a name; all names
    space, watch, mirror            what the parts of a store share; what it was told of the bucket
    sessions, claims, keys, streams the contract
"""
