"""Kinds of other controllers, as an installation lists them."""

from __future__ import annotations

import pytest

from mlwright.plan.resources import foreign


def test_an_installation_lists_kinds_of_other_controllers() -> None:
    """Blanks and empty entries do no harm."""
    found = foreign("jobset.x-k8s.io/v1alpha2/jobsets/JobSet, ray.io/v1/rayjobs/RayJob,")

    assert [(kind.api_version, kind.plural, kind.name, kind.owned) for kind in found] == [
        ("jobset.x-k8s.io/v1alpha2", "jobsets", "JobSet", True),
        ("ray.io/v1", "rayjobs", "RayJob", True),
    ]
    assert foreign("") == ()


@pytest.mark.parametrize(
    "text, says",
    [
        ("JobSet", "'JobSet' is no GROUP/VERSION/PLURAL/KIND"),
        ("/v1/pods/Pod", "'/v1/pods/Pod' is no GROUP/VERSION/PLURAL/KIND"),
        ("volcano.sh/v1/jobs/Job", "has the name of another kind"),
        ("a.io/v1/as/A,b.io/v1/as/A", "'b.io/v1/as/A' has the name of another kind"),
    ],
)
def test_an_entry_that_cannot_be_is_refused(text: str, says: str) -> None:
    """The operator says so at its start."""
    with pytest.raises(ValueError, match=says):
        foreign(text)
