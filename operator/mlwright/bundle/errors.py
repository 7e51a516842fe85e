"""What is wrong with an address or a bundle, in one sentence each."""

from mlwright.errors import MlwrightError


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
