"""The ports against the real world: the Kubernetes API, events, metrics, logs.

Only `adapters.kube` imports a Kubernetes client. Adapters translate errors once, into the words of the ports.
"""
