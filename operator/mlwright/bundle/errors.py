"""What is wrong with an address or a bundle, in one sentence each."""

from typing import Final

from mlwright.errors import MlwrightError

BRING_BACK: Final = "bring the files back, or use another version: one recorded with the right digest, or trained again"
"""What to do where the files at a version's address are gone or others than its digest stands for."""


class AddressError(MlwrightError):
    """A storage address is refused. `field` is where it stands, `remedy` what to write instead."""

    def __init__(self, field: str, sentence: str, remedy: str) -> None:
        super().__init__(f"{field}: {sentence}; {remedy}")
        self.field = field
        self.sentence = sentence
        self.remedy = remedy


class GapsError(ValueError):
    """The model answers no rows with missing or infinite numbers; `inputs` are those that have some."""

    def __init__(self, inputs: tuple[str, ...]) -> None:
        super().__init__(f"no answer to missing or infinite numbers, which there are in {', '.join(inputs)}")
        self.inputs = inputs


class BundleError(MlwrightError):
    """A bundle is incomplete, damaged, or of a kind that this version cannot read."""


class AnotherBundleError(BundleError):
    """What lies at a version's address is nothing, or not what its digest stands for; `BRING_BACK` is the remedy.

    `member` is which field of a version's `spec.bundle` disagrees with it: `uri` or `digest`.
    """

    def __init__(self, sentence: str, member: str = "digest") -> None:
        super().__init__(sentence)
        self.member = member
