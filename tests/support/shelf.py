"""A namespace with a bundle that was made elsewhere: a model to serve, without having to train it first."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from examples.flights.errands import Porter
from tests.support.bundles import write_flight_bundle
from tests.support.live import Live
from tests.support.manifests import FLIGHTS, claim, model, version

CLAIM = "store"


@dataclass(slots=True)
class Shelf:
    """A claim with the bundle as the folder flights, recorded as version 1 of the model flights."""

    live: Live
    porter: Porter
    """Somebody who changes files on the claim."""
    digest: str
    serving: list[str] = field(default_factory=list)
    """Names of pods that must stay."""

    @classmethod
    def stocked(cls, live: Live, image: str) -> Shelf:
        """Put the bundle there; the porter runs the given image, any with Python."""
        porter = Porter(live, CLAIM)
        live.apply(claim(CLAIM))
        porter.start(image)
        with tempfile.TemporaryDirectory() as folder:
            bundle = write_flight_bundle(Path(folder) / "flights")
            porter.carry({f"flights/{file.name}": file.read_bytes() for file in bundle.folder.iterdir()})
        live.apply(model("flights"), version("flights", 1, FLIGHTS, bundle.digest))
        return cls(live, porter, bundle.digest)
