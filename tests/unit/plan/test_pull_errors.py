"""An image that cannot be fetched is told in one sentence, however often the kubelet changes its words."""

from __future__ import annotations

from mlwright.plan.pods import diagnose, pod_seen


def _waiting(reason: str, message: str) -> str:
    body = {
        "metadata": {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "phase": "Pending",
            "containerStatuses": [
                {"name": "server", "state": {"waiting": {"reason": reason, "message": message}}, "restartCount": 0}
            ],
        },
    }
    found = diagnose([pod_seen(body, "server")])
    return found.sentence if found else ""


def test_the_sentence_does_not_change_while_the_kubelet_waits_and_tries_in_turns() -> None:
    """Each change would be a write of the status and an Event, several a minute, for nothing."""
    tried = _waiting("ErrImagePull", "failed to pull: a:1 not found")
    waited = _waiting("ImagePullBackOff", 'Back-off pulling image "a:1": ErrImagePull: failed to pull: a:1 not found')

    assert tried == waited
    assert "failed to pull: a:1 not found" in tried
