"""The way to the API server: kubectl itself, so that every way to sign in works as it does there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from mlwright.api.kinds import GROUP, KINDS
from mlwright.cli.answers import Code, CommandError
from mlwright.constants import LABEL_OWNER, LABEL_OWNER_KIND

Body = dict[str, Any]

_CODES: Final = (
    ("(NotFound)", Code.NOT_FOUND),
    ("(Forbidden)", Code.REFUSED),
    ("(Invalid)", Code.REFUSED),
    ("(Conflict)", Code.NOT_SO),
    ("have a resource type", Code.AWAY),
)
_PREFIX: Final = re.compile(r"^(Error from server \(\w+\): |error: )")


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl with the flags that the user gave."""

    flags: tuple[str, ...] = ()
    """Such as --namespace and --context."""
    program: str = "kubectl"

    def get(self, kind: str, name: str) -> Body | None:
        """Return an object of one of our kinds, None when there is none.

        Raises:
            CommandError: it could not be asked for.
        """
        said = self._run("get", resource(kind), name, "--ignore-not-found", "--output=json")
        found: Body | None = json.loads(said) if said.strip() else None
        return found

    def all(self, kind: str) -> list[Body]:
        """Return all objects of one of our kinds.

        Raises:
            CommandError: they could not be asked for.
        """
        found: list[Body] = json.loads(self._run("get", resource(kind), "--output=json"))["items"]
        return found

    def revisions(self, kind: str, name: str) -> list[Body]:
        """Return what was frozen, or counted, for an object of one of our kinds.

        Raises:
            CommandError: they could not be asked for.
        """
        selector = f"{LABEL_OWNER_KIND}={kind},{LABEL_OWNER}={name}"
        said = self._run("get", "controllerrevisions.apps", f"--selector={selector}", "--output=json")
        found: list[Body] = json.loads(said)["items"]
        return found

    def manifest(self, path: str) -> Body:
        """Return the ModelDeployment of a file, as kubectl reads it; nothing is made.

        Raises:
            CommandError: it cannot be read, or holds something else.
        """
        found: Body = json.loads(self._run("create", f"--filename={path}", "--dry-run=client", "--output=json"))
        if found.get("kind") != "ModelDeployment":
            raise CommandError(Code.USAGE, f"{path} must hold one ModelDeployment and nothing else")
        return found

    def patch(self, body: Body, change: Body) -> Body:
        """Merge a change into an object and return it.

        Raises:
            CommandError: it was refused, or the object is gone.
        """
        target = (resource(body["kind"]), body["metadata"]["name"])
        said = self._run("patch", *target, "--type=merge", f"--patch={json.dumps(change)}", "--output=json")
        changed: Body = json.loads(said)
        return changed

    def _run(self, *arguments: str) -> str:
        try:
            command: Sequence[str] = (self.program, *self.flags, *arguments)
            done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # a list, no shell
        except OSError as error:
            sentence = f"{self.program} cannot be run ({error.strerror}): install it, or put it on the PATH"
            raise CommandError(Code.AWAY, sentence) from error
        if done.returncode:
            raise _error(done.stderr.strip())
        return done.stdout


def resource(kind: str) -> str:
    """Return how kubectl names one of our kinds so that no other is meant.

    >>> resource("ModelDeployment")
    'modeldeployments.mlwright.dev'
    """
    return f"{KINDS[kind].plural}.{GROUP}"


def _error(said: str) -> CommandError:
    code = next((code for word, code in _CODES if word in said), Code.AWAY)
    sentence = _PREFIX.sub("", said) or "kubectl failed and did not say why"
    if "have a resource type" in said:
        sentence = f"{sentence}: mlwright is not installed in this cluster; install its chart"
    return CommandError(code, sentence)
