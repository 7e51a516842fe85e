"""From any state HAProxy is brought to the wanted one, and then nothing is left to do."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mlwright.router.servers import Address, Server, State, parse, repair

FREE = Address("127.0.0.1", 9)
ADDRESSES = st.builds(Address, st.sampled_from(["10.0.0.1", "10.0.0.2", "10.0.0.3"]), st.sampled_from([8080, 8081]))
SERVERS = 4


@st.composite
def servers(draw: st.DrawFn) -> list[Server]:
    """The servers of one backend in any state, addresses twice and half-finished changes included."""
    return [
        Server("v0", f"p{n}", draw(st.one_of(st.just(FREE), ADDRESSES)), draw(st.sampled_from(State)), running=True)
        for n in range(1, SERVERS + 1)
    ]


def obeyed(known: list[Server], commands: list[str]) -> list[Server]:
    """Return the servers as HAProxy has them after the commands."""
    found = {f"{server.backend}/{server.name}": server for server in known}
    for command in commands:
        if move := re.fullmatch(r"set server (\S+) addr (\S+) port (\d+)", command):
            found[move[1]] = replace(found[move[1]], address=Address(move[2], int(move[3])))
        elif state := re.fullmatch(r"set server (\S+) state (\S+)", command):
            found[state[1]] = replace(found[state[1]], state=State(state[2]))
        else:
            raise AssertionError(command)
    return list(found.values())


def used(known: list[Server]) -> dict[Address, State]:
    """Return the pods that are sent requests or drain, each of which must have one server only."""
    live = [server for server in known if server.state is not State.MAINTENANCE]
    assert len({server.address for server in live}) == len(live)
    return {server.address: server.state for server in live}


STATES = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
4 v0 1 agent unix 2 0 1 0
4 v0 2 p1 10.0.0.1 2 4 1 8080
4 v0 3 p2 10.0.0.2 2 12 1 8080
4 v0 4 p3 127.0.0.1 0 5 1 9
4 v0 5 p4 10.0.0.4 0 4 1 8080
"""
WANTED = st.dictionaries(ADDRESSES, st.sampled_from([State.READY, State.DRAIN]), max_size=SERVERS)


@given(servers(), WANTED)
def test_one_repair_reaches_the_wanted_state(known: list[Server], wanted: dict[Address, State]) -> None:
    """Whatever happened before, the pods are the wanted ones, and a second look finds nothing to do."""
    after = obeyed(known, repair(known, {"v0": wanted}))

    assert used(after) == wanted
    assert repair(after, {"v0": wanted}) == []


@given(WANTED, WANTED)
def test_pods_that_stay_keep_their_server(first: dict[Address, State], then: dict[Address, State]) -> None:
    """A pod that moved to another server would lose its connections and its counters."""
    empty = [Server("v0", f"p{n}", FREE, State.MAINTENANCE, running=False) for n in range(1, SERVERS + 1)]
    before = obeyed(empty, repair(empty, {"v0": first}))
    after = obeyed(before, repair(before, {"v0": then}))

    places = {server.address: server.name for server in before if server.state is not State.MAINTENANCE}
    assert all(
        places[s.address] == s.name
        for s in after
        if s.address in first.keys() & then.keys() and s.state in then.values()
    )


def test_the_states_of_haproxy_are_read() -> None:
    """The bits of the administrator's state, as 2.6 writes them; the agent's own server is no pod."""
    found = parse(STATES)

    assert [(server.name, server.state) for server in found] == [
        ("p1", State.READY),
        ("p2", State.DRAIN),
        ("p3", State.MAINTENANCE),
        ("p4", State.READY),
    ]
    assert [server.name for server in found if server.usable] == ["p1"]
