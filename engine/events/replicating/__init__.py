"""Nodes exchange the events they lack: what to say is decided without I/O, saying it is somebody else's."""
