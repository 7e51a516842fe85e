"""The release whose administrator lets steps make JobSets, on a cluster with the JobSet controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.api import Api
from mlwright.adapters.kube.client import item
from mlwright.plan.resources import DEPLOYMENT
from tests.support.chart import JOBSETS
from tests.support.release import Release, images


@pytest.fixture(scope="session")
def release(api: Api) -> Iterator[Release]:
    """The operator that may make JobSets; the next session finds the one that may not."""
    controller = item(DEPLOYMENT, "jobset-system", "jobset-controller")
    assert api.get(controller) is not None, "JobSet is not installed: run `make test-jobset`"
    built = images()
    found = Release(api, built, {"training": {"resources": [JOBSETS]}})
    found.install()
    yield found
    Release(api, built).install()
