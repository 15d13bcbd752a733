"""Ways between nodes: one file for each side of each way. They carry messages and decide nothing.

A transport moves the values of `engine.events.replicating.messages`; what they mean is for the engine. Nothing is ever
cut: what is too large, damaged or slow is refused in words. Tokens are sent, compared and hidden, never shown.
"""
