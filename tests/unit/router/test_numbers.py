"""Models and variants have numbers of their own, and keep them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mlwright.router.config import MAPS, Place, render
from mlwright.router.document import Route, parse
from mlwright.router.maps import maps, rules
from mlwright.router.memory import Memory, keep, load
from mlwright.router.servers import Address, State
from mlwright.router.slots import Shape, Slots, assign, headers, variants
from tests.support.routing import document, split

NAMES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.lists(st.sampled_from(["r1", "r2", "r3"]), min_size=1, max_size=3, unique=True),
)


def routes(named: dict[str, list[str]]) -> list[Route]:
    """Return routes of models whose first revision gets everything."""
    ranges = {model: {r: ([(0, 9999)] if r == found[0] else []) for r in found} for model, found in named.items()}
    return [parse(document(parts, model)) for model, parts in ranges.items()]


@given(st.lists(NAMES, max_size=12))
def test_numbers_are_kept_unique_and_within_the_shape(steps: list[dict[str, list[str]]]) -> None:
    """Two variants with one backend would answer each other's requests."""
    slots, shape = Slots(), Shape()
    for named in steps:
        known = routes(named)
        before, slots = slots, assign(slots, known, shape)
        assert slots.variants.keys() == variants(known).keys()
        assert slots.models.keys() == named.keys()
        for numbers, earlier in ((slots.variants, before.variants), (slots.models, before.models)):
            assert len(set(numbers.values())) == len(numbers)
            assert all(numbers[name] == earlier[name] for name in numbers.keys() & earlier.keys())
        assert all(number < shape.backends for number in slots.variants.values())


def test_a_number_that_became_free_is_given_away_last() -> None:
    """Late answers and counters of who had it before would be taken for those of the next."""
    slots = assign(Slots(), routes({"a": ["r1"]}), Shape())
    slots = assign(slots, routes({"a": ["r2"]}), Shape())

    assert slots.variants == {"a/r2": 1}


def test_a_shape_grows_by_doubling_and_never_shrinks() -> None:
    """A reload is rare."""
    grown = Shape().grown(17, 3, {"x-user-id"}, {"timeouts"})

    assert (grown.backends, grown.servers, grown.headers, grown.rules) == (32, 8, ("x-user-id",), ("timeouts",))
    assert grown.grown(1, 1, {"x-variant"}, ()).headers == ("x-user-id", "x-variant")
    assert grown.grown(1, 1, (), {"cookies"}).rules == ("cookies", "timeouts")


def test_maps_name_every_bucket_of_every_model() -> None:
    """The number of a model and a bucket make the key of one map."""
    found = [parse(document(split(1000), override="X-V", assignment={"type": "Cookie"}))]
    slots = assign(Slots(models={"gone": 0}), found, Shape())

    texts = maps(found, slots)

    assert texts["split"] == "0:8999 v0\n9000:9999 v1\n"
    assert texts["models"] == "flights 0\n"
    assert texts["force"] == "0:old v0\n0:new v1\n"
    assert (texts["overrides"], texts["sticky"], texts["state"]) == ("0 x-v\n", "0 cookie\n", "ready 1\n")
    assert texts.keys() == set(MAPS)
    assert headers(found) == {"x-v"}


def test_nothing_of_the_template_is_left_in_the_configuration(tmp_path: Path) -> None:
    """A word in brackets that nobody replaced would stop HAProxy at its start."""
    text = render(Shape(backends=2, headers=("x-user-id",), rules=("cookies",)), Place(tmp_path))
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]

    assert not [line for line in lines if "<" in line or "?" in line]
    assert [line for line in lines if line.startswith("backend ")] == [
        f"backend {name}" for name in ("agent", "nobody", "suspended", "filled", "v0", "v1")
    ]


def test_rules_for_headers_stand_only_where_a_route_looks_at_one(tmp_path: Path) -> None:
    """Every rule is paid for by every request."""
    place = Place(tmp_path)
    without, with_one = render(Shape(), place), render(Shape(headers=("x-user-id",)), place)

    assert "txn.want" not in without
    assert "txn.user" not in without
    assert "set-var(txn.user) req.hdr(x-user-id)" in with_one
    assert all(f"{place.map(name)}" in without for name in MAPS), "a map that HAProxy has not loaded cannot be filled"


def test_rules_for_cookies_and_long_waits_stand_only_where_a_route_asks_for_them(tmp_path: Path) -> None:
    """Most routes divide requests by chance, and no request to them takes a minute."""
    usual = [parse(document(split(1000)))]
    by_cookie = [*usual, parse(document(split(1000), "spend", assignment={"type": "Cookie"}))]
    slow = [*usual, parse(document(split(1000), "spend", timeoutSeconds=61))]

    assert (rules(usual), rules(by_cookie), rules(slow)) == (set(), {"cookies"}, {"timeouts"})
    without = render(Shape(), Place(tmp_path))
    assert [word for word in ("req.cook", "set-cookie", "set-timeout server") if word in without] == []
    assert without.count("set-var(txn.bucket)") == 1
    with_all = render(Shape(rules=("cookies", "timeouts")), Place(tmp_path))
    assert [word for word in ("req.cook", "set-cookie", "set-timeout server") if word not in with_all] == []


def test_what_is_remembered_survives_and_what_is_broken_is_forgotten(tmp_path: Path) -> None:
    """An agent whose memory is lost begins anew rather than not at all."""
    memory = Memory(
        Slots({"a": 0}, {"a/r": 3}, 4),
        Shape(32, 16, ("x-v",), ("cookies",)),
        {"a": document({"r": [(0, 9999)]}, "a")},
        {"a-r": {Address("10.0.0.1", 8080): State.READY}},
        {"a/r": {"hrsp_2xx": 7}},
    )
    file = tmp_path / "memory.json"
    keep(file, memory)

    assert load(file) == memory
    file.write_text("{")
    assert load(file) == Memory()
