"""What is known of the load, and who wants to know it. All of it can be forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from mlwright.plan.loads import Answer, Question
from mlwright.plan.resources import Key
from mlwright.plan.scaling import Memory


class Loads:
    """Questions by object, answers by question, and what each object remembers of its size."""

    def __init__(self) -> None:
        self._asked: dict[Key, tuple[Question, ...]] = {}
        self._answers: dict[Question, Answer] = {}
        self._memories: dict[Key, Memory] = {}

    def want(self, owner: Key, questions: tuple[Question, ...], memory: Memory | None) -> None:
        """Let questions be asked for an object from now on; none: what it remembers is forgotten as well."""
        if not questions:
            self._asked.pop(owner, None)
            self._memories.pop(owner, None)
            return
        self._asked[owner] = questions
        if memory is not None:
            self._memories[owner] = memory

    def answer(self, question: Question) -> Answer | None:
        """Return what was answered last, or None when nothing was yet."""
        return self._answers.get(question)

    def memory(self, owner: Key) -> Memory | None:
        """Return what an object remembers of its size."""
        return self._memories.get(owner)

    @property
    def asked(self) -> frozenset[Question]:
        """All questions, each once, however many objects ask it."""
        return frozenset(question for questions in self._asked.values() for question in questions)

    def take(self, answers: Mapping[Question, Answer]) -> tuple[Key, ...]:
        """Take in what was answered, forget what nobody asks any more, and return who asked."""
        self._answers = dict(answers)
        return tuple(self._asked)
