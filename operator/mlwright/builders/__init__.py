"""Builders: Kubernetes objects as plain dicts, made from values. Pure."""
