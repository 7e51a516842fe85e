"""The reconcile core: the kopf shell, the cache, the work queue, leadership and the cycle around each decision.

This is the only package that imports kopf. It gathers, calls a planner, records what cannot be derived again, acts on
what was recorded, and writes status; it holds no rule of the domain.
"""
