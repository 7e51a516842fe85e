"""`kubectl mlwright`, each command against a real API server, through a real kubectl."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlwright.planners.decisions import record_name
from tests.support.apiserver import Client, Json, collection
from tests.support.commands import Run, Told
from tests.support.objects import DECISION, DEPLOYMENT, PIPELINE, RUN, VERSION, changed

ROLLING: Json = {
    "summary": "churn-v8 waits for approval at step ask; churn-v7 serves with 2 of 2 pods ready",
    "stable": {"version": "churn-v7", "revision": "aaaaaaaa"},
    "candidate": {
        "version": "churn-v8",
        "revision": "bbbbbbbb",
        "step": "ask",
        "checks": [
            {"name": "errors", "type": "ErrorRate", "verdict": "Hold", "sentence": "errors: 12 of 40 requests so far"}
        ],
    },
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Serving",
            "message": "churn-v7 serves with 2 of 2 pods ready",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
    ],
    "variants": [
        {
            "name": "stable",
            "version": "churn-v7",
            "revision": "aaaaaaaa",
            "weight": 100,
            "sentence": "2 of 2 pods ready",
        }
    ],
    "rollout": {
        "revision": "bbbbbbbb",
        "version": 8,
        "stage": 0,
        "stages": [
            {"name": "ask", "type": "Approval", "percent": 0, "size": 100},
            {"name": "bake", "type": "Bake", "percent": 100, "size": 100, "hold": 600},
        ],
    },
    "history": [{"time": "2026-01-02T03:04:05Z", "reason": "RollingOut", "sentence": "churn-v8 starts"}],
}
SERVING: Json = {
    "summary": "churn-v8 serves with 2 of 2 pods ready",
    "stable": {"version": "churn-v8", "revision": "bbbbbbbb"},
}


def decision(type_: str, namespace: str, after: str = "", *, number: int = 8, **spec: Any) -> Json:
    """Return a decision about churn, with the name that its question has."""
    revision = "bbbbbbbb" if number == 8 else "aaaaaaaa"
    question = [after] if type_ in {"Promote", "Rollback"} else [revision, ""]
    name = record_name(namespace, "churn", type_, question)
    told = {"type": type_, "revision": revision, "version": f"churn-v{number}", "after": after, **spec}
    told["sentence"] = f"churn-v{number}: {type_}"
    return changed(DECISION, {"metadata.name": name, "spec": DECISION["spec"] | told})


def notes(client: Client, namespace: str, kind: str = "ModelDeployment", name: str = "churn") -> Json:
    """Return the annotations of an object."""
    found: Json = client.read(kind, namespace, name)["metadata"].get("annotations") or {}
    return found


def test_status_says_who_serves_and_what_comes(run: Run, told: Told) -> None:
    """The sentence, the variants, and the step that the rollout is at."""
    told(DEPLOYMENT, ROLLING)

    said = run("status", "churn")

    assert said.code == 0
    assert ROLLING["summary"] in said.out
    assert "stable   churn-v7  aaaaaaaa  100 %   2 of 2 pods ready" in said.out
    assert "rollout: [ask] -> bake" in said.out
    assert "errors  Hold  errors: 12 of 40 requests so far" in said.out


def test_status_without_a_name_shows_everything(run: Run, told: Told) -> None:
    """One line for each pipeline and deployment."""
    told(DEPLOYMENT, ROLLING)
    told(PIPELINE)

    said = run("status", "-o", "json")

    assert [(one["kind"], one["ready"]) for one in said.data["objects"]] == [
        ("TrainingPipeline", "Unknown"),
        ("ModelDeployment", "True"),
    ]


def test_why_tells_conditions_and_decisions(run: Run, told: Told, namespace: str) -> None:
    """In the operator's own sentences."""
    told(DEPLOYMENT, ROLLING)
    told(decision("Promote", namespace, number=7))

    said = run("why", "md/churn")

    assert "Ready  True  Serving: churn-v7 serves with 2 of 2 pods ready" in said.out
    assert "Promote  churn-v7: Promote" in said.out


def test_history_is_in_order(run: Run, told: Told, namespace: str) -> None:
    """The oldest first; transitions and decisions together."""
    told(DEPLOYMENT, ROLLING)
    told(decision("Promote", namespace, number=7, by="mlwright.dev/promote=7"))

    events = run("history", "churn", "-o", "json").data["events"]

    assert [event["what"] for event in events] == ["RollingOut", "Promote"]
    assert events[1]["sentence"] == "churn-v7: Promote (by mlwright.dev/promote=7)"


@pytest.mark.parametrize("command", ["approve", "promote", "abort"])
def test_a_command_names_the_version_that_rolls_out(
    run: Run, told: Told, client: Client, namespace: str, command: str
) -> None:
    """So that it counts for that one only."""
    told(DEPLOYMENT, ROLLING)

    said = run(command, "churn", "-o", "json")

    assert (said.code, said.data["annotations"]) == (0, {f"mlwright.dev/{command}": "8"})
    assert notes(client, namespace)[f"mlwright.dev/{command}"] == "8"


@pytest.mark.parametrize("command", ["approve", "promote", "abort"])
def test_without_a_rollout_there_is_nothing_to_command(run: Run, told: Told, command: str) -> None:
    """Unless the version is named: then it is said ahead."""
    told(DEPLOYMENT, SERVING)

    said = run(command, "churn")

    assert said.code == 1
    assert "churn has no rollout under way" in said.err
    assert SERVING["summary"] in said.err
    assert run(command, "churn", "9").code == 0


def test_retry_takes_an_end_by_hand_back(run: Run, told: Told, client: Client, namespace: str) -> None:
    """It would end the rollout again at once."""
    told(changed(DEPLOYMENT, {"metadata.annotations": {"mlwright.dev/abort": "8"}}), SERVING)

    assert run("retry", "churn").code == 0

    assert list(notes(client, namespace)) == ["mlwright.dev/retry"]


def test_rollback_ends_a_rollout(run: Run, told: Told, client: Client, namespace: str) -> None:
    """What served goes on serving."""
    told(DEPLOYMENT, ROLLING)

    said = run("rollback", "churn")

    assert "churn-v7 serves" in said.out
    assert notes(client, namespace) == {"mlwright.dev/abort": "8"}


def test_rollback_pins_what_served_before(run: Run, told: Told, client: Client, namespace: str) -> None:
    """And lets it take over without steps."""
    told(DEPLOYMENT, SERVING)
    first = decision("Promote", namespace, number=7)
    told(first)
    told(decision("Promote", namespace, after=first["metadata"]["name"]))

    said = run("rollback", "churn")

    assert said.code == 0, said.err
    assert "pin it there too" in said.out
    spec = client.read("ModelDeployment", namespace, "churn")["spec"]
    assert spec["model"] == {"ref": {"name": "churn"}, "type": "Version", "version": 7}
    assert notes(client, namespace) == {"mlwright.dev/promote": "7"}


def test_rollback_without_an_earlier_version_asks_for_one(run: Run, told: Told) -> None:
    """Nothing is guessed."""
    told(DEPLOYMENT, SERVING)

    said = run("rollback", "churn")

    assert (said.code, "say it with rollback churn VERSION" in said.err) == (1, True)
    assert run("rollback", "churn", "8").code == 1


def test_a_version_is_approved_itself_or_ahead(run: Run, told: Told, client: Client, namespace: str) -> None:
    """On the version when it is there, else on its pipeline."""
    told(PIPELINE)
    told(VERSION)

    assert [run("approve", "churn", number).code for number in ("8", "9")] == [0, 0]

    assert notes(client, namespace, "ModelVersion", "churn-v8") == {"mlwright.dev/approve": "8"}
    assert notes(client, namespace, "TrainingPipeline") == {"mlwright.dev/approve": "9"}


def test_runs_are_asked_for_ended_and_tried_again(run: Run, told: Told, client: Client, namespace: str) -> None:
    """By the name of their pipeline."""
    told(PIPELINE, {"lastRun": {"name": "churn-1", "number": 1, "state": "Running"}})
    told(RUN)

    assert [run(command, "churn").code for command in ("run", "abort", "retry")] == [0, 0, 1]
    assert list(notes(client, namespace, "TrainingPipeline")) == ["mlwright.dev/run"]
    assert list(notes(client, namespace, "TrainingRun", "churn-1")) == ["mlwright.dev/abort"]


def test_verify_holds_for_what_the_operator_writes(run: Run, told: Told, namespace: str) -> None:
    """Names, digests and the chain are computed again."""
    told(VERSION)
    told(DEPLOYMENT, SERVING)
    first = decision("Promote", namespace, number=7)
    told(first)
    digest = {"digest": VERSION["spec"]["bundle"]["digest"]}
    told(decision("Promote", namespace, after=first["metadata"]["name"], evidence=digest))

    said = run("verify", "churn")

    assert (said.code, said.out.splitlines()[-1]) == (0, "2 decisions, all hold"), said.out


def test_verify_holds_for_what_a_monitor_sent_back(run: Run, told: Told, namespace: str) -> None:
    """Its name is made of the promotion that it takes back."""
    told(DEPLOYMENT, SERVING)
    first = decision("Promote", namespace, number=7)
    second = decision("Promote", namespace, after=first["metadata"]["name"])
    for one in (first, second, decision("Rollback", namespace, after=second["metadata"]["name"])):
        told(one)

    said = run("verify", "churn")

    assert (said.code, said.out.splitlines()[-1]) == (0, "3 decisions, all hold"), said.out


def test_verify_finds_what_was_forged(run: Run, told: Told, namespace: str, client: Client) -> None:
    """A digest that is not the version's, a name that answers another question, an end that does not serve."""
    told(VERSION)
    told(DEPLOYMENT, SERVING)
    told(decision("Promote", namespace, number=7))
    forged = decision("Reject", namespace, evidence={"digest": "sha256:" + "1" * 64})
    told(changed(forged, {"metadata.name": "churn-reject-forged"}))

    said = run("verify", "churn", "-o", "json")

    wrong = {one["name"]: one["differences"] for one in said.data["decisions"] if one["differences"]}
    assert said.code == 1
    assert len(wrong["churn-reject-forged"]) == 2
    assert said.data["chain"] == ["its end is revision aaaaaaaa, and status.stable is bbbbbbbb"]
    assert client.request("GET", collection("Decision", namespace)).status == 200


@pytest.mark.parametrize(
    "arguments, code, sentence",
    [
        (("status", "nobody"), 3, "there is no ModelDeployment nor TrainingPipeline nor TrainingRun nor Model nobody"),
        (("why", "md/nobody"), 3, "there is no ModelDeployment nobody in this namespace"),
        (("promote", "tp/churn"), 2, "tp is no kind of this command: use md"),
        (("approve", "tp/churn"), 2, "say which version of pipeline churn is approved"),
        (("status", "churn"), 2, "churn is the name of 2 objects: write md/churn or tp/churn"),
        (("retry", "tp/churn"), 1, "pipeline churn has no run"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    run: Run, told: Told, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    """And with an exit code of its own."""
    told(DEPLOYMENT)
    told(PIPELINE)

    said = run(*arguments)

    assert (said.code, said.out) == (code, "")
    assert sentence in said.err


def test_a_kubectl_that_is_not_there(run: Run) -> None:
    """The plugin is started by it, and may be started by hand."""
    said = run("status", kubectl="kubectl-of-nobody")

    assert (said.code, "kubectl-of-nobody cannot be run" in said.err) == (5, True)


LOAD = "time,requests\n2026-01-05T07:00:00Z,10\n2026-01-05T07:05:00Z,60\n2026-01-05T07:10:00Z,60\n"
SCALED = changed(
    DEPLOYMENT,
    {
        "spec.autoscaling": {
            "minReplicas": 1,
            "maxReplicas": 9,
            "metrics": [{"name": "load", "type": "RequestRate", "requestRate": {"target": 20}}],
        }
    },
)


def test_a_policy_is_played_over_a_load(run: Run, told: Told, tmp_path: Path) -> None:
    """That of a deployment, or of a manifest that was not applied; nothing changes."""
    told(SCALED)
    trace, manifest = tmp_path / "load.csv", tmp_path / "churn.json"
    trace.write_text(LOAD)
    manifest.write_text(json.dumps(SCALED))
    asked = ("simulate", "autoscaling", "--trace", str(trace), "--capacity", "25")

    said = run(*asked, "churn")

    assert "2026-01-05T07:05:52Z  60          2     1 -> 2: load:" in said.out
    assert "HPA's defaults" in said.out
    assert run(*asked, str(manifest)).out == said.out
    assert run(*asked, "churn", "-o", "json").data["policy"]["mostPods"] >= 3


@pytest.mark.parametrize(
    "text, why",
    [
        ("t,r\n", "the first line must be time,requests"),
        (LOAD + "2026-01-05T07:00:00Z,60\n", "line 5: expected a later time"),
        (LOAD + "2026-01-05T08:00:00Z,-1\n", "line 5: expected a later time than the line before, and requests"),
        (LOAD + "soon,60\n", "line 5: expected a time"),
        ("time,requests\n1,60\n", "a load has two rows or more"),
    ],
)
def test_a_load_that_is_none_is_refused(run: Run, told: Told, tmp_path: Path, text: str, why: str) -> None:
    """It names the line; what stands there is not repeated."""
    told(SCALED)
    trace = tmp_path / "load.csv"
    trace.write_text(text)

    said = run("simulate", "autoscaling", "churn", "--trace", str(trace), "--capacity", "25")

    assert (said.code, why in said.err) == (2, True)


def test_nothing_is_simulated_without_autoscaling(run: Run, told: Told, tmp_path: Path) -> None:
    """There is no policy."""
    told(DEPLOYMENT)
    (tmp_path / "load.csv").write_text(LOAD)

    said = run("simulate", "autoscaling", "churn", "--trace", str(tmp_path / "load.csv"), "--capacity", "25")

    assert (said.code, "has no spec.autoscaling" in said.err) == (1, True)
