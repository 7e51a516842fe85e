"""A real Kubernetes on one Linux machine: our own single node, or kind where a Docker engine answers.

Run from the root of the repository: ``python3 -m cluster up``. Standard library only, because it runs before
anything is installed. ``cluster.apiserver.ApiServer`` is the part that tests import.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - run by whatever python3 a machine has
    sys.exit(
        f"cluster: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; put a newer one first in PATH"
    )
