"""Events are news: told after work, dropped when there are too many."""

from __future__ import annotations

import asyncio

from mlwright.controller import announcer
from mlwright.controller.announcer import Announcer
from mlwright.errors import UnavailableError
from mlwright.ports.events import Notice, Subject
from tests.support.virtual_time import virtually


class Told:
    """Notes Events; each takes a while to tell."""

    def __init__(self, error: Exception | None = None) -> None:
        self.sentences: list[str] = []
        self._error = error

    async def tell(self, notice: Notice) -> None:
        """Note the sentence, or fail."""
        await asyncio.sleep(0.1)
        if self._error is not None:
            raise self._error
        self.sentences.append(notice.sentence)


def notice(sentence: str) -> Notice:
    return Notice(Subject("v1", "Run", "demo", "r", "u", "1"), "Normal", "Settled", sentence)


def test_events_are_told_in_order_when_there_is_nothing_else_to_do() -> None:
    """One after the other."""

    async def story() -> list[str]:
        told = Told()
        teller = Announcer(told, lambda: True, lambda: None)
        task = asyncio.create_task(teller.run())
        for sentence in ("one", "two"):
            teller.tell(notice(sentence))
        await asyncio.sleep(1)
        task.cancel()
        return told.sentences

    assert virtually(story()) == ["one", "two"]


def test_an_event_waits_for_work_but_not_for_ever() -> None:
    """A busy operator still tells one Event per second."""

    async def story() -> list[int]:
        told = Told()
        teller = Announcer(told, lambda: False, lambda: None)
        task = asyncio.create_task(teller.run())
        for number in range(5):
            teller.tell(notice(str(number)))
        seen = []
        for _ in range(3):
            await asyncio.sleep(announcer.LONGEST)
            seen.append(len(told.sentences))
        task.cancel()
        return seen

    seen = virtually(story())

    assert seen[0] == 0
    assert 1 <= seen[-1] <= 3


def test_too_many_events_are_dropped_and_counted() -> None:
    """Memory is bounded."""

    async def story() -> int:
        drops: list[int] = []
        teller = Announcer(Told(), lambda: True, lambda: drops.append(1))
        for number in range(announcer.CAPACITY + 7):
            teller.tell(notice(str(number)))
        return len(drops)

    assert virtually(story()) == 7


def test_an_event_that_cannot_be_told_is_dropped_and_counted() -> None:
    """No decision rests on it."""

    async def story() -> int:
        drops: list[int] = []
        teller = Announcer(Told(UnavailableError("busy")), lambda: True, lambda: drops.append(1))
        teller.tell(notice("lost"))
        await teller.flush(1.0)
        return len(drops)

    assert virtually(story()) == 1


def test_at_the_end_events_are_told_as_far_as_time_allows() -> None:
    """The stop does not wait for a slow API server."""

    async def story() -> int:
        told = Told()
        teller = Announcer(told, lambda: True, lambda: None)
        for number in range(50):
            teller.tell(notice(str(number)))
        await teller.flush(1.0)
        return len(told.sentences)

    assert 8 <= virtually(story()) <= 10
