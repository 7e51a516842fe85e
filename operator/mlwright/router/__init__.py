"""The router of a namespace: HAProxy carries the requests, an agent beside it keeps it as the routes say.

The agent is level-triggered: it compares what HAProxy does with what it should do, and repairs the difference.
"""
