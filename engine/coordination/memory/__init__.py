"""A backend in this process's memory: the reference that all others are measured by.

backend                         what several stores opened from one share, as processes share a server
holdings, values, streams       sessions and queues, keys, streams: every method one atomic step
"""
