"""Every pod that we make is restricted, whatever people set, and has what they set."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.api.parts import PodSurface
from mlwright.builders.pods import Mount, literal, merged, pod_spec, whole_cores
from mlwright.plan.quantities import parse
from mlwright.planners.template import dump
from tests.support.podsecurity import violations

DEFAULTS = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}
CONTAINER = {"name": "server", "image": "i", "env": [{"name": "MLWRIGHT_A", "value": "1"}], "resources": DEFAULTS}
WORDS = st.text("abc", min_size=1, max_size=3)
QUANTITIES = st.sampled_from(["1m", "100m", "1", "2", "64Mi", "128Mi", "1Gi", "2Gi", "1e9", "0"])
AMOUNTS = st.dictionaries(st.sampled_from(["cpu", "memory", "nvidia.com/gpu"]), QUANTITIES, max_size=3)
FREE = st.dictionaries(WORDS, WORDS, max_size=2)
VARIABLES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"name": WORDS, "value": WORDS}),
    st.fixed_dictionaries({"name": WORDS, "secretRef": st.fixed_dictionaries({"name": WORDS, "key": WORDS})}),
    st.fixed_dictionaries({"name": st.sampled_from(["OMP_NUM_THREADS", "MLWRIGHT_A", "PATH"]), "value": WORDS}),
)
SURFACES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "resources": st.fixed_dictionaries({}, optional={"requests": AMOUNTS, "limits": AMOUNTS}),
        "env": st.lists(VARIABLES, max_size=3, unique_by=lambda v: v["name"]),
        "nodeSelector": FREE,
        "tolerations": st.lists(FREE, max_size=2),
        "affinity": FREE,
        "topologySpreadConstraints": st.lists(FREE, max_size=2),
        "serviceAccountName": WORDS,
        "imagePullSecrets": st.lists(st.fixed_dictionaries({"name": WORDS}), max_size=2, unique_by=lambda s: s["name"]),
        "priorityClassName": WORDS,
        "runtimeClassName": WORDS,
    },
)


def built(surface: dict[str, Any], *uris: str) -> dict[str, Any]:
    """Return a pod spec with a surface as it comes from an object."""
    mounts = tuple(Mount.of(uri, field="f", read_only=True) for uri in uris)
    return pod_spec(CONTAINER, dump(PodSurface.model_validate(surface)), mounts)


@given(SURFACES)
def test_no_surface_breaks_the_restricted_profile(surface: dict[str, Any]) -> None:
    """And nothing gets an API token, or the addresses of all services in its environment."""
    spec = built(surface, "pvc://data/x", "configmap://rules/y")

    assert violations(spec) == []
    assert spec["automountServiceAccountToken"] is False
    assert spec["enableServiceLinks"] is False
    assert spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] is True


@given(SURFACES)
def test_what_people_set_is_there(surface: dict[str, Any]) -> None:
    """As they wrote it."""
    spec = built(surface)
    placed = {k: v for k, v in surface.items() if k not in {"resources", "env"} and v}

    assert {key: spec.get(key) for key in placed} == placed


@given(SURFACES)
def test_every_variable_stands_once_and_ours_are_ours(surface: dict[str, Any]) -> None:
    """A list in which a name stands twice cannot be applied; people may tune the threads, but not what we say."""
    env = built(surface)["containers"][0]["env"]
    named = {variable["name"]: variable for variable in env}
    asked = {v["name"]: v for v in surface.get("env", ()) if not v["name"].startswith("MLWRIGHT_")}

    assert len(named) == len(env)
    assert named["MLWRIGHT_A"] == {"name": "MLWRIGHT_A", "value": "1"}
    assert all(named[name].get("value") == v.get("value") for name, v in asked.items())


@given(SURFACES)
def test_a_default_never_stands_against_what_people_set(surface: dict[str, Any]) -> None:
    """What they set is there, and a request is above its limit only if they said so themselves."""
    own = surface.get("resources", {})
    found = built(surface)["containers"][0]["resources"]

    assert own.get("requests", {}).items() <= found["requests"].items()
    assert own.get("limits", {}).items() <= found["limits"].items()
    for name in found["requests"].keys() & found["limits"].keys():
        theirs = name in own.get("requests", {}) and name in own.get("limits", {})
        assert theirs or _amount(found["requests"][name]) <= _amount(found["limits"][name])


def _amount(text: str) -> Any:
    return parse(text)


@pytest.mark.parametrize(
    "own, requests, limits",
    [
        ({}, {"cpu": "100m", "memory": "128Mi"}, {"memory": "1Gi"}),
        ({"limits": {"memory": "8Gi"}}, {"cpu": "100m", "memory": "128Mi"}, {"memory": "8Gi"}),
        ({"limits": {"memory": "64Mi"}}, {"cpu": "100m", "memory": "64Mi"}, {"memory": "64Mi"}),
        ({"requests": {"memory": "4Gi"}}, {"cpu": "100m", "memory": "4Gi"}, {}),
        ({"requests": {"memory": "512Mi"}}, {"cpu": "100m", "memory": "512Mi"}, {"memory": "1Gi"}),
        ({"limits": {"cpu": "2"}}, {"cpu": "100m", "memory": "128Mi"}, {"cpu": "2", "memory": "1Gi"}),
        (
            {"limits": {"nvidia.com/gpu": "1"}},
            {"cpu": "100m", "memory": "128Mi"},
            {"memory": "1Gi", "nvidia.com/gpu": "1"},
        ),
    ],
)
def test_asking_for_more_or_less_is_one_line(
    own: dict[str, Any], requests: dict[str, str], limits: dict[str, str]
) -> None:
    """Defaults give way as far as they must, and not further."""
    assert built({"resources": own})["containers"][0]["resources"] == {"requests": requests, "limits": limits}


@pytest.mark.parametrize("limit, cores", [("", 1), ("500m", 1), ("2500m", 2), ("4", 4), ("1k", 1000), ("8e0", 8)])
def test_threads_are_the_whole_cores_of_the_limit(limit: str, cores: int) -> None:
    """One without a limit: more only wait for each other on a busy node."""
    surface = {"resources": {"limits": {"cpu": limit}}} if limit else {}
    env = {v["name"]: v["value"] for v in built(surface)["containers"][0]["env"] if "value" in v}

    assert whole_cores(limit) == cores
    assert env["OMP_NUM_THREADS"] == env["OPENBLAS_NUM_THREADS"] == env["MKL_NUM_THREADS"] == str(cores)


def test_a_value_is_taken_as_it_is() -> None:
    """Kubernetes would expand `$(NAME)` and make one dollar of two."""
    env = built({"env": [{"name": "A", "value": "$(HOME) $$"}]})["containers"][0]["env"]

    assert {"name": "A", "value": "$$(HOME) $$$$"} in env
    assert literal("no dollar") == "no dollar"


def test_a_secret_is_named_and_never_read() -> None:
    """The kubelet puts it in."""
    env = built({"env": [{"name": "A", "secretRef": {"name": "s", "key": "k"}}]})["containers"][0]["env"]

    assert {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}} in env


def test_claims_and_config_maps_lie_where_the_address_says() -> None:
    """A ConfigMap may be missing: the step then says so, where a pod would only hang."""
    spec = built({}, "pvc://lake.v2/x/*.csv", "configmap://rules/y")
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    mounts = {mount["name"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    [lake, rules] = [mount for name, mount in mounts.items() if name != "tmp"]

    assert volumes[lake["name"]]["persistentVolumeClaim"] == {"claimName": "lake.v2"}
    assert volumes[rules["name"]]["configMap"] == {"name": "rules", "optional": True}
    assert (lake["mountPath"], rules["mountPath"]) == ("/mlwright/pvc/lake.v2", "/mlwright/configmap/rules")
    assert lake["readOnly"] is rules["readOnly"] is True
    assert mounts["tmp"] == {"name": "tmp", "mountPath": "/tmp"}  # noqa: S108  # an emptyDir of the pod


PIECES = st.lists(st.text("ab0", min_size=1, max_size=9), min_size=1, max_size=8)
NAMES = st.builds(str.join, st.sampled_from(".-"), PIECES)


@given(st.lists(NAMES, min_size=2, max_size=2, unique=True))
def test_two_claims_never_share_a_volume(names: list[str]) -> None:
    """Names of claims may hold dots and be long, names of volumes may not."""
    found = [Mount.of(f"pvc://{name}/x", field="f", read_only=True).name for name in names]

    assert len(set(found)) == 2
    assert all(len(name) <= 63 and "." not in name for name in found)


def test_a_dot_and_a_dash_are_two_names() -> None:
    """The plain replacement of dots would make one of these two."""
    dot, dash = (Mount.of(f"pvc://{name}/x", field="f", read_only=True).name for name in ("a.b", "a-b"))

    assert dot != dash


def test_one_claim_is_mounted_once_and_writable_if_anybody_writes() -> None:
    """Data and artifacts may lie on the same claim."""
    reads = Mount.of("pvc://data/in.csv", field="f", read_only=True)
    writes = Mount.of("pvc://data/runs", field="f", read_only=False)

    for order in ((reads, writes), (writes, reads)):
        [mount] = merged(order)
        assert not mount.read_only
        assert "readOnly" not in mount.mount()
