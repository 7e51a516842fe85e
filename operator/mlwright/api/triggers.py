"""What starts a run by itself, and what the status tells of it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlwright.api.fields import Cel, Duration, ListMap, PositiveDuration, Rule, Schema, Sentence, ShortName, Timestamp

CRON_PATTERN = r"^[0-9A-Za-z*,/#-]+( +[0-9A-Za-z*,/#-]+){4}$"
ZONE_PATTERN = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$"

CronText = Annotated[str, Field(pattern=CRON_PATTERN, max_length=128)]
ZoneName = Annotated[str, Field(pattern=ZONE_PATTERN, max_length=64)]


class Schedule(Schema):
    """The times, called slots, at which a run starts."""

    name: ShortName = Field(description="Name of the schedule; another name begins anew with the next slot.")
    cron: CronText = Field(
        description=(
            "Minute, hour, day of the month, month, day of the week, as in cron: 30 3 * * MON-FRI. L is the last day"
            " of the month, 5#2 the second Friday. One without a star in front of minute and hour goes by the wall"
            " clock: in the hour that comes twice it counts once, in the hour that is skipped right after it."
        )
    )
    time_zone: ZoneName = Field(
        default="UTC", description="Name of a zone of the IANA database, such as Europe/Berlin."
    )
    starting_deadline: PositiveDuration | None = Field(
        default=None,
        description=(
            "How late a slot may still start its run, such as 2h, after the operator was down or another run went"
            " on. Always when absent; of several slots that were missed only the newest starts one."
        ),
    )


QueueName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]


class DataChange(Schema):
    """Look at the data now and then; start a run when it is not as the newest run read it."""

    check_every: Annotated[
        Duration,
        Cel(
            (
                Rule(
                    "duration(self) >= duration('1m') && duration(self) <= duration('720h')",
                    "must be between 1m and 720h: each look is a pod of its own",
                ),
            )
        ),
    ] = Field(default="10m", description="How often a small Job in this namespace looks, such as 10m.")
    min_new_rows: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000_000,
        description="Start a run only when so many rows came since the newest run; at any change when absent.",
    )


class Triggers(Schema):
    """What starts a run by itself."""

    spec_change: bool = Field(
        default=True,
        description="Start a run when dataset, training or evaluation.metrics change, the first one included.",
    )
    schedules: Annotated[tuple[Schedule, ...], ListMap("name")] = Field(
        default=(), max_length=16, description="Start a run at the slots of these schedules."
    )
    data_change: DataChange | None = Field(
        default=None, description="Start a run when the files at dataset.uri came, went or changed."
    )


class Policy(Schema):
    """How the runs of a pipeline get on with each other, how long they take and how long they are kept."""

    overlap: Literal["Queue", "Skip", "Replace"] = Field(
        default="Queue",
        description=(
            "What becomes of a run that is due while another goes on. Queue: it waits for the end, of several the"
            " newest. Skip: a slot of a schedule is skipped; a changed spec or a person's request waits. Replace: the"
            " one that goes on ends as Superseded."
        ),
    )
    queue_name: QueueName | None = Field(
        default=None,
        description=(
            "The LocalQueue of Kueue that admits the Jobs of steps, as the label kueue.x-k8s.io/queue-name. Whether a"
            " Job is suspended is left to Kueue."
        ),
    )
    timeout_after: PositiveDuration | None = Field(
        default=None, description="How long a run may take, its waiting included; one that takes longer fails."
    )
    keep_succeeded: int = Field(
        default=5, ge=1, le=1000, description="How many runs are kept that made a version; older ones are removed."
    )
    keep_failed: int = Field(default=10, ge=1, le=1000, description="How many runs are kept that failed.")


class Guard(Schema):
    """What keeps runs from starting by themselves too often. A person's request is never held."""

    cooldown: PositiveDuration | None = Field(
        default=None, description="Pause between the end of a run and the next one that starts by itself, such as 30m."
    )
    max_runs_per_day: int | None = Field(
        default=None, ge=1, le=100, description="How many runs may start by themselves in any 24 hours."
    )
    max_consecutive_failures: int | None = Field(
        default=None,
        ge=1,
        le=100,
        description=(
            "After so many failed runs in a row no slot and no new data starts one, until a run succeeds, a person"
            " asks for one or the spec is changed."
        ),
    )


class Start(Schema):
    """A run that started by itself."""

    run: int = Field(ge=1, description="Its number.")
    at: Timestamp = Field(description="When it started.")


class GuardStatus(Schema):
    """What the guard remembers of runs, should they be deleted."""

    run: int = Field(default=0, ge=0, description="Number of the newest run that is counted.")
    failures: int = Field(default=0, ge=0, description="Failed runs in a row.")
    ended_at: Timestamp | None = Field(default=None, description="When the newest run ended.")
    starts: tuple[Start, ...] = Field(
        default=(), max_length=100, description="Runs that started by themselves in the 24 hours before the newest one."
    )


class ScheduleStatus(Schema):
    """A schedule as the pipeline's status shows it."""

    name: ShortName = Field(description="Name of the schedule.")
    cron: CronText = Field(description="Its expression since then.")
    time_zone: ZoneName = Field(description="Its time zone since then.")
    since: Timestamp = Field(
        description="Only slots after this moment count: the last one that was answered or skipped, or its first sight."
    )
    skipped_for: str | None = Field(
        default=None, max_length=63, description="The run because of which the slot at `since` was skipped."
    )
    next: Timestamp | None = Field(default=None, description="Its next slot.")
    sentence: Sentence = Field(default="", description="What became of its newest slot, if that started no run.")


class DataStatus(Schema):
    """The data as the newest run read it, and as it was found since."""

    uri: str = Field(default="", max_length=512, description="Where it lies.")
    run: int = Field(default=0, ge=0, description="Number of the newest run that read it.")
    revision: str = Field(default="", max_length=128, description="The revision that this run read.")
    rows: int = Field(default=0, ge=0, description="The rows that this run found.")
    answered: str = Field(default="", max_length=128, description="A newer revision for which a run was started.")
    checked_at: Timestamp | None = Field(default=None, description="When it was looked at last.")
    sentence: Sentence = Field(default="", description="What was found then.")
