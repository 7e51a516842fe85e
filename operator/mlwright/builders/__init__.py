"""From intents to Kubernetes objects as plain dicts.

A builder is a pure function: the same intent gives the same object, key for key. What is applied, when, and under
which field manager is not decided here.
"""
