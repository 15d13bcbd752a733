"""Coordination through NATS JetStream: one bucket (a stream that keeps the last message of each subject) for a
namespace, and a stream of its own for each event stream.

Whatever is decided is decided by the server, which takes a message only if the last one of its subject is the one that
the sender has seen. What a process is told of the bucket helps it to guess right; nothing depends on it.

    backend, settings, promises     opening, and what can be relied on
    address, line, jetstream        how to log in; one connection; requests and their answers
    layout, bucket, reading         under which subjects everything lies; in which stream; read in order
    queue                           pure: a name with its holder and waiters as one value
    space, watch, mirror            what the parts of a store share; what it was told of the bucket
    sessions, claims, keys, streams the contract
"""
