"""Nodes exchange the events they lack: what to say is decided without I/O, saying it is somebody else's.

The receiver's vector is the only checkpoint. Whatever is sent may come twice, in pieces, or never: it is checked by
`admission`, stored with the new vector in one transaction, and asked for again by whoever still lacks it. A session
(`meeting`, then `session` over `rounds`) says the next step, `replicate` does it; the other side is `responder`.
"""
