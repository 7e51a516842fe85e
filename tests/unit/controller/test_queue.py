"""The work queue, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from mlwright.controller.queue import AT_ONCE, FIRST_DELAY, HEAD_START, LAST_DELAY, LATER, WorkQueue
from mlwright.plan.resources import Key
from tests.support.virtual_time import virtually

A, B, C = (Key("Model", "demo", name) for name in "abc")


def queue() -> WorkQueue:
    return WorkQueue(Random(7))  # noqa: S311  # seeded


def now() -> float:
    return asyncio.get_running_loop().time()


async def taken(work: WorkQueue, seconds: float = 0.0) -> list[Key]:
    """Take what is ready within some seconds, without giving it back."""
    keys = []
    try:
        async with asyncio.timeout(seconds):
            while (key := await work.get()) is not None:
                keys.append(key)
    except TimeoutError:
        pass
    return keys


def test_keys_come_in_the_order_in_which_they_were_added() -> None:
    """First come, first served."""

    async def story() -> list[Key]:
        work = queue()
        for key in (B, A, C):
            work.add(key)
        return await taken(work, 1)

    assert virtually(story()) == [B, A, C]


def test_a_key_waits_once_however_often_it_is_added() -> None:
    """A storm of events is one look."""

    async def story() -> list[Key]:
        work = queue()
        for _ in range(100):
            work.add(A)
        return await taken(work, 1)

    assert virtually(story()) == [A]


def test_a_key_is_never_worked_on_twice_at_the_same_time() -> None:
    """What is added meanwhile waits until the key is given back, and then comes once."""

    async def story() -> tuple[list[Key], list[Key]]:
        work = queue()
        work.add(A)
        await work.get()
        work.add(A)
        work.add(A)
        during = await taken(work, 1)
        work.done(A)
        return during, await taken(work, 1)

    assert virtually(story()) == ([], [A])


def test_who_acts_goes_before_who_retells() -> None:
    """Of many runs that are started at once each gets its Job before the statuses of the others are told."""

    async def story() -> list[Key]:
        work = queue()
        work.retell(A)
        await asyncio.sleep(1)
        work.add(B)
        work.add(C)
        return await taken(work, 1)

    assert virtually(story()) == [B, C, A]


def test_who_retells_waits_for_those_only_that_come_soon_after() -> None:
    """Work that never ends does not silence a status for ever."""

    async def story() -> list[Key]:
        work = queue()
        work.retell(A)
        await asyncio.sleep(HEAD_START)
        work.add(B)
        await asyncio.sleep(2 * LATER)
        work.add(C)
        return await taken(work, 1)

    assert virtually(story()) == [B, A, C]


def test_who_retells_goes_ahead_when_there_is_something_to_do() -> None:
    """The key that waits to retell acts at its first chance, and once."""

    async def story() -> list[Key]:
        work = queue()
        for key in (A, B):
            work.retell(key)
        await asyncio.sleep(1)
        work.add(B)
        return await taken(work, 1)

    assert virtually(story()) == [B, A]


def test_who_waits_to_act_is_not_set_back() -> None:
    """That there is something to retell as well takes nothing from a key's turn."""

    async def story() -> list[Key]:
        work = queue()
        work.add(A)
        work.add(B)
        work.retell(A)
        await asyncio.sleep(1)
        return await taken(work, 1)

    assert virtually(story()) == [A, B]


def test_a_turn_that_has_come_is_kept() -> None:
    """Who has let others go ahead for long enough does not line up behind them again because there is more to do."""

    async def story() -> list[Key]:
        work = queue()
        work.retell(A)
        await asyncio.sleep(HEAD_START + 1)
        work.add(B)
        work.add(A)
        return await taken(work, 1)

    assert virtually(story()) == [A, B]


def test_what_is_only_told_of_a_key_at_work_follows_its_look_behind_others() -> None:
    """A look that follows at once has the lane of the most urgent news."""

    async def story(*, to_do: bool) -> list[Key]:
        work = queue()
        work.add(A)
        await work.get()
        work.retell(A)
        await asyncio.sleep(1)
        if to_do:
            work.add(A)
        work.done(A)
        work.add(B)
        return await taken(work, 1)

    assert virtually(story(to_do=False)) == [B, A]
    assert virtually(story(to_do=True)) == [A, B]


def test_of_several_appointments_the_earliest_stands() -> None:
    """A later wish never delays an earlier one."""

    async def story() -> tuple[list[Key], list[Key]]:
        work = queue()
        work.add_after(A, 10)
        work.add_after(A, 5)
        work.add_after(A, 20)
        return await taken(work, 4.9), await taken(work, 0.2)

    assert virtually(story()) == ([], [A])


def test_a_look_makes_an_older_appointment_void() -> None:
    """Each look decides anew when the next one is."""

    async def story() -> list[Key]:
        work = queue()
        work.add_after(A, 5)
        work.add(A)
        await work.get()
        work.done(A)
        return await taken(work, 60)

    assert virtually(story()) == []


def test_failures_wait_longer_each_time_up_to_a_minute() -> None:
    """Delays double, within a jitter of one half, and stop growing."""

    async def story() -> list[float]:
        work, waited = queue(), []
        for _ in range(12):
            begun = now()
            work.retry(A)
            await work.get()
            work.done(A)
            waited.append(now() - begun)
        return waited

    waited = virtually(story())

    assert all(FIRST_DELAY * 2**n * 0.5 <= seconds <= FIRST_DELAY * 2**n for n, seconds in enumerate(waited[:8]))
    assert all(LAST_DELAY * 0.5 <= seconds <= LAST_DELAY for seconds in waited[-3:])


def test_a_success_forgives_earlier_failures() -> None:
    """The next failure begins with a short delay again."""

    async def story() -> float:
        work = queue()
        for _ in range(8):
            work.retry(A)
            await work.get()
            work.done(A)
        work.forgive(A)
        begun = now()
        work.retry(A)
        await work.get()
        return now() - begun

    assert virtually(story()) <= FIRST_DELAY


def test_conflicts_are_repeated_at_once_a_few_times_only() -> None:
    """A conflict that does not settle must not burn a core."""

    async def story() -> list[float]:
        work, waited = queue(), []
        for _ in range(AT_ONCE + 1):
            begun = now()
            work.retry(A, at_once=True)
            await work.get()
            work.done(A)
            waited.append(now() - begun)
        return waited

    *at_once, last = virtually(story())

    assert set(at_once) == {0.0}
    assert last > 0


def test_the_server_may_ask_for_a_longer_pause() -> None:
    """Retry-After is a lower bound."""

    async def story() -> float:
        work, begun = queue(), now()
        work.retry(A, at_least=7.0)
        await work.get()
        return now() - begun

    assert virtually(story()) == pytest.approx(7.0)


def test_stopping_wakes_every_worker_and_hands_out_nothing_more() -> None:
    """Keys that wait are left; the next start finds them by its lists."""

    async def story() -> list[Key | None]:
        work = queue()
        workers = [asyncio.create_task(work.get()) for _ in range(3)]
        await asyncio.sleep(0)
        work.add_after(B, 1)
        work.stop()
        work.add(A)
        return list(await asyncio.gather(*workers))

    assert virtually(story()) == [None, None, None]


def test_the_queue_is_idle_when_nothing_waits_and_nobody_works() -> None:
    """Appointments do not count: they may be hours away."""

    async def story() -> list[bool]:
        work = queue()
        work.add_after(B, 100)
        seen = [work.idle]
        work.add(A)
        seen.append(work.idle)
        await work.get()
        seen.append(work.idle)
        work.done(A)
        return [*seen, work.idle]

    assert virtually(story()) == [True, False, False, True]


def test_the_time_in_the_queue_is_measured() -> None:
    """The metric tells how long keys wait for a worker."""

    async def story() -> list[float]:
        waits: list[float] = []
        work = WorkQueue(Random(1), waits.append)  # noqa: S311  # seeded
        work.add(A)
        await asyncio.sleep(3)
        await work.get()
        return waits

    assert virtually(story()) == [3.0]


def test_many_workers_see_every_key_and_never_share_one() -> None:
    """Under a random load nothing is lost and nothing overlaps."""

    async def story() -> tuple[set[Key], int]:
        work, random = queue(), Random(3)  # noqa: S311  # seeded
        keys = [Key("Model", "demo", str(number)) for number in range(20)]
        busy: set[Key] = set()
        seen: set[Key] = set()
        overlaps = 0

        async def worker() -> None:
            nonlocal overlaps
            while (key := await work.get()) is not None:
                overlaps += key in busy
                busy.add(key)
                await asyncio.sleep(random.random())
                busy.discard(key)
                seen.add(key)
                work.done(key)

        workers = [asyncio.create_task(worker()) for _ in range(4)]
        for _ in range(300):
            work.add(random.choice(keys))
            await asyncio.sleep(random.random() / 10)
        while not work.idle:  # noqa: ASYNC110  # in virtual time
            await asyncio.sleep(1)
        work.stop()
        await asyncio.gather(*workers)
        return seen, overlaps

    seen, overlaps = virtually(story())

    assert overlaps == 0
    assert len(seen) == 20
