"""A namespace with a bundle that was made elsewhere: a model to serve, without having to train it first."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from examples.flights.errands import Porter
from tests.support.bundles import write_flight_bundle
from tests.support.flights import request
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

    def asked(self, name: str, variant: str = "") -> str:
        """Ask a deployment once, with much patience; return the status and the version that answered, or why not."""
        headers = {"Content-Type": "application/json"} | ({"X-Mlwright-Variant": variant} if variant else {})
        lines = (
            "import json, urllib.error, urllib.request as u",
            f"q = u.Request('http://{name}/v2/models/{name}/infer', {json.dumps(request()).encode()!r}, {headers!r})",
            "try:",
            " a = u.urlopen(q, timeout=90)",
            " print(a.status, json.load(a)['model_version'])",
            "except urllib.error.HTTPError as e:",
            " print(e.code, e.read().decode())",
            "except urllib.error.URLError as e:",
            " print('no answer:', e.reason)",
        )
        return self.live.kubectl("exec", self.porter.name, "--", "python", "-c", "\n".join(lines)).strip()
