"""A real Kubernetes on one Linux machine: our own single node, or kind where a Docker engine answers.

Run from the root of the repository: ``python3 -m cluster up``. Standard library only, because it runs before
anything is installed. ``cluster.apiserver.ApiServer`` is the part that tests import.
"""
