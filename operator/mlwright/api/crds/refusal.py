"""The one error of the generator."""

from __future__ import annotations


class RefusedModelError(Exception):
    """A model says something that cannot be said in a CRD, or leaves unsaid what a CRD of ours must say.

    The message begins with the path of the field, such as `TrainingPipeline.spec.dataset.uri`.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
