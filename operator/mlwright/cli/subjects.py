"""Finding the object that somebody means: by its name alone where that is clear, else by KIND/NAME."""

from __future__ import annotations

from collections.abc import Sequence

from mlwright.api.kinds import KINDS
from mlwright.cli.answers import Code, CommandError
from mlwright.cli.kubectl import Body, Kubectl


def find(kubectl: Kubectl, told: str, kinds: Sequence[str]) -> Body:
    """Return the object that is meant.

    Args:
        kubectl: the way to ask.
        told: NAME, or KIND/NAME with the kind as kubectl takes it (md/flights, modeldeployment/flights).
        kinds: the kinds that the command is for; with NAME alone they are looked through.

    Raises:
        CommandError: there is none, there are several, or the kind is none of these.
    """
    word, _, name = told.rpartition("/")
    if word:
        return _one(kubectl, _kind(word, kinds), name)
    found = [body for kind in kinds if (body := kubectl.get(kind, told)) is not None]
    if len(found) > 1:
        named = " or ".join(f"{KINDS[body['kind']].short}/{told}" for body in found)
        raise CommandError(Code.USAGE, f"{told} is the name of {len(found)} objects: write {named}")
    if not found:
        wanted = " nor ".join(kinds)
        raise CommandError(
            Code.NOT_FOUND, f"there is no {wanted} {told} in this namespace: see kubectl mlwright status"
        )
    return found[0]


def _one(kubectl: Kubectl, kind: str, name: str) -> Body:
    found = kubectl.get(kind, name)
    if found is None:
        raise CommandError(Code.NOT_FOUND, f"there is no {kind} {name} in this namespace")
    return found


def _kind(word: str, kinds: Sequence[str]) -> str:
    plain = word.lower().partition(".")[0]
    for name in kinds:
        if plain in {name.lower(), KINDS[name].plural, KINDS[name].short}:
            return name
    raise CommandError(Code.USAGE, f"{word} is no kind of this command: use {', '.join(KINDS[k].short for k in kinds)}")
