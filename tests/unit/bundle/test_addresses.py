"""Storage addresses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlwright.bundle import addresses
from mlwright.bundle.addresses import Address, Scheme
from mlwright.bundle.errors import AddressError

ROOT = Path("/mlwright")


def parse(uri: str) -> Address:
    return addresses.parse(uri, field="spec.dataset.uri")


@pytest.mark.parametrize(
    "uri, place",
    [
        pytest.param("pvc://data/flights.csv", "/mlwright/pvc/data/flights.csv", id="a file on a claim"),
        pytest.param("pvc://data/a/b/c", "/mlwright/pvc/data/a/b/c", id="a deep path"),
        pytest.param("pvc://lake/2026/*.parquet", "/mlwright/pvc/lake/2026/*.parquet", id="a pattern at the end"),
        pytest.param("configmap://tiny/data.csv", "/mlwright/configmap/tiny/data.csv", id="a key of a ConfigMap"),
        pytest.param("pvc://data.v2/with space.csv", "/mlwright/pvc/data.v2/with space.csv", id="a blank in a name"),
    ],
)
def test_an_address_is_found_under_the_mount_root(uri: str, place: str) -> None:
    """A pod finds what an address names at one fixed place."""
    assert addresses.locate(parse(uri), ROOT) == Path(place)


@pytest.mark.parametrize(
    "uri, problem",
    [
        pytest.param("s3://bucket/key", "the scheme 's3' is not read", id="another scheme"),
        pytest.param("file:///etc/passwd", "the scheme 'file' is not read", id="a file of the node"),
        pytest.param("PVC://data/x", "the scheme 'PVC' is not read", id="upper case"),
        pytest.param("/data/x.csv", "this is not a storage address", id="a bare path"),
        pytest.param("", "this is not a storage address", id="nothing"),
        pytest.param("pvc://data/x::zip://y", "chains of schemes ('::') are not read", id="a chain"),
        pytest.param("pvc:///x.csv", "the name of the claim is missing", id="no claim"),
        pytest.param("pvc://Data/x", "the name of the claim is not one that", id="an impossible claim"),
        pytest.param("pvc://../x", "the name of the claim is not one that", id="dots for a claim"),
        pytest.param("pvc://data", "the path after the name is empty", id="no path"),
        pytest.param("pvc://data/", "the path after the name is empty", id="an empty path"),
        pytest.param("pvc://data//etc/x", "the path holds an empty, '.' or '..' segment", id="an absolute path"),
        pytest.param("pvc://data/a/../../x", "the path holds an empty, '.' or '..' segment", id="a way up"),
        pytest.param("pvc://data/./x", "the path holds an empty, '.' or '..' segment", id="a dot"),
        pytest.param("pvc://data/*/x.csv", "a wildcard stands before the last segment", id="a pattern in the middle"),
        pytest.param("pvc://data/a\nb", "the path holds a control character", id="a line break"),
        pytest.param("pvc://data/a\\..\\b", "the path holds a control character or a backslash", id="backslashes"),
        pytest.param("configmap://tiny/a/b", "a configmap address names exactly one key", id="a path in a ConfigMap"),
    ],
)
def test_everything_else_is_refused_with_field_and_remedy(uri: str, problem: str) -> None:
    """A refusal says where the address stands, what is wrong, and what to write."""
    with pytest.raises(AddressError) as caught:
        parse(uri)

    assert caught.value.field == "spec.dataset.uri"
    assert caught.value.sentence.startswith(problem)
    assert caught.value.remedy == "write pvc://CLAIM/path or configmap://NAME/key"


@given(st.text(alphabet="ab./*:-\\ \x00pvcconfigmap", max_size=40))
def test_no_address_leaves_its_volume(text: str) -> None:
    """Whatever is written, the path found lies inside the volume named, or the address is refused."""
    for prefix in ("", "pvc://claim/", "configmap://map/"):
        try:
            address = parse(prefix + text)
        except AddressError:
            continue
        volume = ROOT / address.scheme / address.volume
        place = addresses.locate(address, ROOT)

        assert volume in place.parents
        assert ".." not in place.parts


@given(
    st.sampled_from(Scheme),
    st.text("abc019", min_size=1, max_size=9),
    st.text("abc019.-_", min_size=1, max_size=9).filter(lambda key: key not in {".", ".."}),
)
def test_an_address_is_written_as_it_was_read(scheme: Scheme, volume: str, key: str) -> None:
    """Parsing and writing are each other's inverse."""
    uri = f"{scheme}://{volume}/{key}"

    assert str(addresses.parse(uri, field="uri", schemes=addresses.DATA)) == uri


def test_something_inside_an_address_is_an_address() -> None:
    """Joining adds segments to the path."""
    assert str(parse("pvc://store/runs/r").join("train-0", "bundle")) == "pvc://store/runs/r/train-0/bundle"


def test_the_mount_root_can_be_moved() -> None:
    """Outside a pod, an environment variable says where volumes are."""
    assert addresses.mount_root({}) == Path("/mlwright")
    assert addresses.mount_root({"MLWRIGHT_MOUNT_ROOT": "there"}) == Path("there")


def test_only_data_may_lie_in_an_object_store() -> None:
    """Where it may, the remedy says so; a program reads it, no pod mounts it."""
    address = addresses.parse("s3://lake/flights/*.parquet", field="uri", schemes=addresses.DATA)

    assert (address.volume, address.path, address.is_mounted) == ("lake", "flights/*.parquet", False)
    with pytest.raises(AddressError) as refused:
        addresses.parse("gs://lake/x", field="uri", schemes=addresses.DATA)
    assert refused.value.remedy == "write pvc://CLAIM/path, configmap://NAME/key or s3://BUCKET/path"
