"""Status, scale, merging by several writers, and what kubectl shows, with the generated CRDs on a real API server."""

from __future__ import annotations

from functools import partial

import pytest

from mlwright.api.kinds import CATEGORY, GROUP, KINDS, VERSION
from mlwright.controller.status import compact
from tests.support.apiserver import APPLY, CRDS, Client, Json, collection, definitions
from tests.support.objects import BASES, DEPLOYMENT, MODEL, PIPELINE, RUN, changed
from tests.support.waiting import eventually

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
WITH_STATUS = [kind.name for kind in KINDS.values() if kind.status is not None]


@pytest.mark.parametrize("definition", definitions(), ids=lambda definition: str(definition["spec"]["names"]["kind"]))
def test_the_api_server_takes_the_definition_without_reserve(client: Client, definition: Json) -> None:
    """Names are accepted, the schema is structural, every rule is affordable."""
    stored = client.request("GET", f"{CRDS}/{definition['metadata']['name']}").body

    conditions = {item["type"]: item["status"] for item in stored["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("definition", definitions(), ids=lambda definition: str(definition["spec"]["names"]["kind"]))
def test_applying_a_definition_again_changes_nothing(client: Client, definition: Json) -> None:
    """The server adds no default to what was generated, so GitOps tools see no difference."""
    path = f"{CRDS}/{definition['metadata']['name']}"
    before = client.request("GET", path).body

    client.request("PATCH", path, definition, kind=APPLY, fieldManager="tests", force="true")

    assert client.request("GET", path).body["metadata"]["generation"] == before["metadata"]["generation"]


@pytest.mark.parametrize("kind", WITH_STATUS)
def test_status_is_written_apart_from_the_spec(client: Client, namespace: str, kind: str) -> None:
    """Who may write a spec cannot write a status, and the other way round."""
    thing = BASES[kind]
    name = thing["metadata"]["name"]
    client.create(changed(thing, {"status": {"summary": "from a person"}}), namespace)
    before = client.read(kind, namespace, name)

    client.merge(thing, namespace, {"status": {"summary": "from the operator"}, "spec": None}, "/status")

    after = client.read(kind, namespace, name)
    assert "status" not in before
    assert (after["status"], after["spec"]) == ({"summary": "from the operator"}, before["spec"])


@pytest.mark.parametrize("number", [1e15, 1.2345678901234568e20, -9.87e20, 1.5e21, 2.0**53 + 2, 0.1, 1e-9])
def test_a_number_is_told_as_it_was_written(client: Client, namespace: str, number: float) -> None:
    """Whatever its size: a status that reads otherwise than it was written would be written at every look."""
    written = compact({"metrics": {"loss": number}})
    client.create(RUN, namespace)

    client.merge(RUN, namespace, {"status": written}, "/status")

    assert client.read("TrainingRun", namespace, RUN["metadata"]["name"])["status"] == written


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(WITH_STATUS)))
def test_a_record_has_no_status(client: Client, namespace: str, kind: str) -> None:
    """A record is all that is known about it."""
    client.create(BASES[kind], namespace)

    answer = client.merge(BASES[kind], namespace, {"status": {"summary": "x"}}, "/status")

    assert answer.status == 404


def test_a_deployment_scales_like_any_other(client: Client, namespace: str) -> None:
    """`kubectl scale` and autoscalers write replicas and read the selector through the scale subresource."""
    client.create(DEPLOYMENT, namespace)
    client.merge(DEPLOYMENT, namespace, {"status": {"replicas": 1, "selector": "a=b"}}, "/status")

    scaled = client.merge(DEPLOYMENT, namespace, {"spec": {"replicas": 4}}, "/scale")

    assert scaled.body["spec"] == {"replicas": 4}
    assert scaled.body["status"] == {"replicas": 1, "selector": "a=b"}
    assert client.read("ModelDeployment", namespace, "churn")["spec"]["replicas"] == 4


def test_two_writers_share_the_aliases_of_a_model(client: Client, namespace: str) -> None:
    """Each writer owns its entry; applying one leaves the other."""
    path = f"{collection('Model', namespace)}/churn"
    for writer, alias in (("git", "stable"), ("mlwright", "champion")):
        body = changed(MODEL, {"spec": {"aliases": [{"name": alias, "version": 1}]}})
        client.request("PATCH", path, body, kind=APPLY, fieldManager=writer)

    aliases = client.read("Model", namespace, "churn")["spec"]["aliases"]

    assert {alias["name"] for alias in aliases} == {"stable", "champion"}


def test_an_alias_is_not_taken_from_its_owner(client: Client, namespace: str) -> None:
    """Without force, the second writer is told who the first one is."""
    path = f"{collection('Model', namespace)}/churn"
    first = changed(MODEL, {"spec": {"aliases": [{"name": "champion", "version": 1}]}})
    client.request("PATCH", path, first, kind=APPLY, fieldManager="git")

    second = changed(MODEL, {"spec": {"aliases": [{"name": "champion", "version": 2}]}})
    answer = client.request("PATCH", path, second, kind=APPLY, fieldManager="mlwright")

    assert answer.status == 409
    assert '"git"' in answer.body["message"]


@pytest.mark.parametrize("kind", KINDS)
def test_kubectl_shows_the_columns(client: Client, namespace: str, kind: str) -> None:
    """The table that kubectl get prints begins with the name and goes on with our columns."""
    client.create(BASES[kind], namespace)

    table = client.request("GET", collection(kind, namespace), accept=TABLE).body

    assert [column["name"] for column in table["columnDefinitions"]] == [
        "Name",
        *(column.name for column in KINDS[kind].columns),
    ]
    assert len(table["rows"]) == 1


def test_kubectl_knows_short_names_and_the_category(client: Client) -> None:
    """`kubectl get mlwright` lists everything, and each kind has a short name."""
    found = client.request("GET", f"/apis/{GROUP}/{VERSION}").body["resources"]

    names = {item["kind"]: (item["shortNames"], item["categories"]) for item in found if "/" not in item["name"]}
    assert names == {kind.name: ([kind.short], [CATEGORY]) for kind in KINDS.values()}


def _published(client: Client, kind: str) -> Json | None:
    found = client.request("GET", f"/openapi/v3/apis/{GROUP}/{VERSION}").body
    schema: Json | None = found.get("components", {}).get("schemas", {}).get(f"dev.mlwright.v1alpha1.{kind}")
    return schema


def _descriptions(schema: Json, path: str = "") -> dict[str, str]:
    """Return what is said of every field below a schema, by its path."""
    found = {}
    for name, field in schema.get("properties", {}).items():
        found[f"{path}.{name}"] = field.get("description", "")
        found |= _descriptions(field, f"{path}.{name}") | _descriptions(field.get("items", {}), f"{path}.{name}")
    return found


def test_kubectl_explain_has_something_to_say_about_every_field(client: Client) -> None:
    """The published schema of a kind carries the descriptions of the models."""
    schema = eventually(partial(_published, client, "TrainingPipeline"), "the schema is published")
    kinds = {definition["spec"]["names"]["kind"]: definition for definition in definitions()}
    written = kinds["TrainingPipeline"]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

    told = _descriptions(schema["properties"]["spec"])
    assert told == _descriptions(written["properties"]["spec"])
    assert told[".dataset.target"].startswith("Column to be predicted")
    assert all(told.values())


def test_a_status_that_the_operator_writes_comes_back_as_it_was(client: Client, namespace: str) -> None:
    """The server adds nothing to a status, so an unchanged one is seen as unchanged and not written again."""
    client.create(PIPELINE, namespace)
    status = {
        "observedGeneration": 1,
        "conditions": [
            {
                "type": "Ready",
                "status": "Unknown",
                "reason": "RunInProgress",
                "message": "run churn-1 trains",
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            }
        ],
        "lastRun": {"name": "churn-1", "state": "Running"},
    }

    client.merge(PIPELINE, namespace, {"status": status}, "/status")

    assert client.read("TrainingPipeline", namespace, "churn")["status"] == status
