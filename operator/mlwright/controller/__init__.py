"""The shell: kopf events, cache, work queue, and the cycle that looks, decides, records, acts and tells."""
