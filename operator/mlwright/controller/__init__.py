"""The shell: kopf events, cache, work queue, and the cycle that looks, decides, records, acts and tells."""

import sys

# kopf imports the official client wherever it is installed, for a login of its own that is not used here: 11 MB and a
# fifth of the start. To be found absent during this one import is the way that Python offers.
if "kubernetes" not in sys.modules:
    sys.modules["kubernetes"] = None  # type: ignore[assignment]
    import kopf  # noqa: F401

    del sys.modules["kubernetes"]
