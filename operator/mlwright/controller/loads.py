"""What is known of the load, and who wants to know it. All of it can be forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mlwright.plan.loads import Answer, Bounds, Glance, Question
from mlwright.plan.resources import Key
from mlwright.plan.scaling import Memory
from mlwright.plan.serving import Standing
from mlwright.planners.rush import GLANCES
from mlwright.planners.standing import steady


class Loads:
    """Questions by object, answers by question, what routers know, and what each object remembers of its size."""

    def __init__(self) -> None:
        self._asked: dict[Key, tuple[Question, ...]] = {}
        self._answers: dict[Question, Answer] = {}
        self._memories: dict[Key, Memory] = {}
        self._standings: dict[Key, Standing] = {}
        self._bounds: dict[Key, Bounds] = {}
        self._glances: dict[Key, tuple[Glance, ...]] = {}

    def want(
        self,
        owner: Key,
        questions: tuple[Question, ...],
        memory: Memory | None,
        bounds: Bounds | None = None,
        standing: Standing | None = None,
    ) -> None:
        """Let questions be asked for an object from now on; none: what it remembers is forgotten as well.

        With bounds the routers are asked, too, and the object is looked at again when they know of more. With a
        standing it is looked at again only when an answer changes anything.
        """
        self._watch(owner, bounds if questions else None)
        self._standings.pop(owner, None)
        if standing is not None:
            self._standings[owner] = standing
        if not questions:
            self._asked.pop(owner, None)
            self._memories.pop(owner, None)
            return
        self._asked[owner] = questions
        self.remember(owner, memory)

    def remember(self, owner: Key, memory: Memory | None) -> None:
        """Let an object remember something of its size; None: what it remembers already."""
        if memory is not None:
            self._memories[owner] = memory

    def _watch(self, owner: Key, bounds: Bounds | None) -> None:
        if bounds is None:
            self._bounds.pop(owner, None)
            self._glances.pop(owner, None)
        else:
            self._bounds[owner] = bounds

    def answer(self, question: Question) -> Answer | None:
        """Return what was answered last, or None when nothing was yet."""
        return self._answers.get(question)

    def memory(self, owner: Key) -> Memory | None:
        """Return what an object remembers of its size."""
        return self._memories.get(owner)

    def rests(self, owner: Key, now: datetime) -> bool:
        """Tell whether a look at an object would change nothing but what it remembers, which is then remembered."""
        standing = self._standings.get(owner)
        if standing is None:
            return False
        answers = {question: self._answers[question] for question in self._asked[owner] if question in self._answers}
        memory = steady(standing, answers, self.glances(owner), self.memory(owner), now)
        if memory is None:
            return False
        self._memories[owner] = memory
        return True

    @property
    def watched(self) -> Mapping[Key, Bounds]:
        """What routers may know of each object without another look at it."""
        return self._bounds

    def glance(self, owner: Key, glance: Glance) -> tuple[Glance, ...]:
        """Take in what the routers know of an object, and return it with what they knew before."""
        self._glances[owner] = (*self._glances.get(owner, ()), glance)[-GLANCES:]
        return self._glances[owner]

    def glances(self, owner: Key) -> tuple[Glance, ...]:
        """Return what the routers knew of an object, the newest last."""
        return self._glances.get(owner, ())

    @property
    def asked(self) -> frozenset[Question]:
        """All questions, each once, however many objects ask it."""
        return frozenset(question for questions in self._asked.values() for question in questions)

    def take(self, answers: Mapping[Question, Answer]) -> tuple[Key, ...]:
        """Take in what was answered, forget what nobody asks any more, and return who asked."""
        self._answers = dict(answers)
        return tuple(self._asked)
