"""Telling somebody outside of what was found: one message for each time that it begins. Pure.

What was found once and goes on is not told again; when it was over in between it is. A Decision says that somebody is
told and of what; a Job of the namespace, of the same name, does it, and stays for its log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from mlwright.api.drift import Action, Notify
from mlwright.api.kinds import API_VERSION
from mlwright.bundle.origins import Origin, entries
from mlwright.errors import InvalidSpecError
from mlwright.plan.digests import child_name, short
from mlwright.plan.drift import MessageSeen, MonitorSeen, NoteSeen, ServedSeen
from mlwright.plan.drift_intents import Acted, DriftIntent, ForgetNote, Note, RemoveMessage, StartMessage
from mlwright.plan.jobs import JobState
from mlwright.plan.pods import plain
from mlwright.planners.drift_shown import observed, shown
from mlwright.planners.drift_verdicts import Found
from mlwright.planners.outside import check_host
from mlwright.planners.results import parse_result
from mlwright.planners.template import image_of
from mlwright.settings import Settings

KEPT: Final = 10
"""Decisions that are kept beside those that go on."""
EVENT: Final = "dev.mlwright.drift.found"
_DIGITS: Final = 10


def notify(
    seen: MonitorSeen,
    settings: Settings,
    served: ServedSeen,
    action: Action,
    because: Sequence[Found],
    evidence: Mapping[str, Any],
) -> Acted:
    """Return what follows for who wants to be told.

    Worked example: age has drifted since this window, and no Decision of action tell is as new -> one is recorded; when
    it is there, a Job sends it.
    """
    asked, field = action.notify, f"spec.actions[{action.name}].notify.url"
    if asked is None:
        return Acted()
    try:
        check_host(asked.url, field, settings)
        image = image_of(None, "spec.image", settings)
    except InvalidSpecError as refusal:
        return Acted(trouble=f"nobody is told: {refusal}")
    who = str(Origin.of(asked.url))
    if seen.spec.mode == "Observe":
        return Acted(shown=observed(seen, action, f"would have told {who}, because {because[0].sentence}"))
    note = _going_on(seen, served, action)
    if note is None:
        name = _name(seen, action, served, str(evidence["until"]))
        sentence = f"{served.version}: {because[0].sentence}"
        record = Note(name, action.name, served.revision, served.version, sentence, evidence)
        about = shown(action, name, f"{who} is about to be told")
        return Acted((record,), about, notified=(_noted(action, name),))
    message = next((one for one in seen.messages if one.name == note.name), None)
    last = shown(action, note.name, _standing(who, message))
    told = (_noted(action, note.name),)
    if message is not None:
        return Acted(shown=last, notified=told, trouble=_trouble(seen, who, message))
    document = {
        "schemaVersion": 1,
        "url": asked.url,
        "field": field,
        "hosts": list(entries(settings.outside_hosts)),
        "event": event(seen, note),
    }
    start = StartMessage(note.name, document, _secret(asked), image, settings.image_pull_policy)
    return Acted(shown=last, notified=told, intents=(start,))


def event(seen: MonitorSeen, note: NoteSeen) -> dict[str, Any]:
    """Return the CloudEvent of a Decision; the same whenever it is made."""
    return {
        "specversion": "1.0",
        "id": note.name,
        "source": f"/apis/{API_VERSION}/namespaces/{seen.namespace}/driftmonitors/{seen.name}",
        "type": EVENT,
        "subject": f"modeldeployments/{seen.watched}",
        "time": note.until,
        "datacontenttype": "application/json",
        "data": {
            "schemaVersion": 1,
            "action": note.action,
            "sentence": note.sentence,
            "version": note.version,
            "revision": note.revision,
            **note.evidence,
        },
    }


def tidied(seen: MonitorSeen, acted: Acted) -> tuple[DriftIntent, ...]:
    """Return the removal of what was told and is over: Jobs that have ended, and the oldest Decisions."""
    going_on = {str(one["decision"]) for one in acted.notified} | {one.name for one in acted.records}
    over = sorted((note for note in seen.notes if note.name not in going_on), key=lambda note: (note.until, note.name))
    spare = over[: max(0, len(over) - KEPT)]
    ended = (one for one in seen.messages if one.name not in going_on and one.state is not JobState.ACTIVE)
    return (
        *(RemoveMessage(one.name, one.uid) for one in ended),
        *(ForgetNote(note.name, note.uid) for note in spare),
    )


def _going_on(seen: MonitorSeen, served: ServedSeen, action: Action) -> NoteSeen | None:
    """Return the Decision of what goes on, None where it begins now.

    The status says of which Decision it was, or that nothing was found up to some window; a Decision that is newer than
    that is of now. Of a status that was lost nothing is known, so the newest one counts.
    """
    own = [note for note in seen.notes if note.action == action.name and note.revision == served.revision]
    told = {one.get("decision") for one in seen.status.get("notifications") or () if one.get("action") == action.name}
    ends = ((seen.status.get(name) or {}).get("until") or "" for name in ("window", "fast"))
    quiet = max(map(str, ends))
    same = [note for note in own if note.name in told or note.until > quiet]
    return max(same, key=lambda note: (note.until, note.name), default=None)


def _name(seen: MonitorSeen, action: Action, served: ServedSeen, until: str) -> str:
    question = [f"{seen.namespace}/{seen.name}", "Notify", action.name, served.revision, until]
    return child_name(seen.name, "notify", short(question, _DIGITS))


def _secret(asked: Notify) -> dict[str, str] | None:
    return {"name": asked.secret_ref.name, "key": asked.secret_ref.key} if asked.secret_ref else None


def _noted(action: Action, name: str) -> dict[str, str]:
    return {"action": action.name, "decision": name}


def _standing(who: str, message: MessageSeen | None) -> str:
    if message is None:
        return f"{who} is about to be told"
    if message.state is JobState.COMPLETE:
        return f"{who} was told"
    if message.state is JobState.FAILED:
        return f"{who} could not be told"
    why = f": {message.waiting}" if message.waiting else ""
    return f"{who} is being told (job/{message.name}){why}"


def _trouble(seen: MonitorSeen, who: str, message: MessageSeen) -> str:
    """Return why somebody could not be told, and what helps; empty when that is not so."""
    if message.state is not JobState.FAILED:
        return ""
    result = parse_result(message.said)
    why = f"{result.field + ': ' if result.field else ''}{result.sentence}" if result else plain(message.said)
    remedy = f"; {result.remedy}" if result and result.remedy else ""
    again = (
        f"it is tried again when job/{message.name} is deleted (kubectl logs -n {seen.namespace} job/{message.name})"
    )
    return f"{who} could not be told: {why or 'the Job ended without a result'}{remedy}; {again}"
