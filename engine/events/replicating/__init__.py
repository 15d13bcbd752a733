"""Nodes exchange the events they lack: what to say is decided without I/O, saying it is somebody else's.

The receiver's vector is the only checkpoint. Whatever is sent may come twice, in pieces, or never: it is checked by
`admission`, stored with the new vector in one transaction, and asked for again by whoever still lacks it.

    messages, wire, ndjson, archive             what is said, and as which bytes
    meeting, session, rounds, refilling, steps  the caller's side: the next step, decided without I/O
    replicate, checked, line, patience          doing the steps: waiting, trying again, keeping the connection
    responder                                   the callee's side: an answer to each question
    admission, shapes, selecting, recovery      what is taken, what is sent, and who is not who he was
    syncing, automatic, recording, measures     one sync with all that belongs to it; syncs by themselves
    compare, trying, transfer, known_to_all     proving equal, testing a way, files, what may be compacted
    replication                                 the façade for people
"""
