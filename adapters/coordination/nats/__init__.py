"""Coordination through NATS JetStream: one bucket (a stream that keeps the last message of each subject) for a
namespace, and a stream of its own for each event stream.

Whatever is decided is decided by the server, which takes a message only if the last one of its subject is the one that
the sender has seen. What a process is told of the bucket helps it to guess right; nothing depends on it.
"""
