"""All that is known of answers beside the answers: put together from the settings, and kept up to date."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Mapping
from typing import Final

from mlwright.server.failures import UnreadySecretError
from mlwright.server.feedback import Feedback, Reason
from mlwright.server.feedback_series import FeedbackSeries
from mlwright.server.fellowship import Fellowship
from mlwright.server.following import Files, follow, read_folder
from mlwright.server.live_bins import LiveBins
from mlwright.server.model import Model
from mlwright.server.observer import Observer
from mlwright.server.payload_log import PayloadLog
from mlwright.server.prediction_ids import SALT_BYTES, PredictionIds, parse_key
from mlwright.server.settings import Settings
from mlwright.server.shadow import Shadow, Spare
from mlwright.server.shadow_target import read_target
from mlwright.server.telemetry import Telemetry

CLOSE_SECONDS: Final = 2.0
"""A volume that does not answer must not keep a pod from going."""


class Oversight:
    """Bins, prediction ids, feedback, shadow and payload log of one server."""

    def __init__(self, settings: Settings, telemetry: Telemetry) -> None:
        """Take the settings and who shows series.

        Raises:
            UnreadySecretError: The Secret with the keys of prediction ids holds none, or something else.
        """
        self._settings = settings
        self._telemetry = telemetry
        chance = random.Random().random  # noqa: S311 - no secret
        self._shadow = Shadow(settings.identity, settings.timeout_seconds, chance, Fellowship.of(settings))
        telemetry.show(self._shadow.lines)
        self._payloads = self._sampling(settings)
        self._key_files: Files = read_folder(settings.feedback_keys) if settings.feedback_keys else {}
        self._ids: PredictionIds | None = None
        self.feedback: Feedback | None = None
        if settings.feedback_keys:
            self._take_feedback()

    def watch(self, model: Model) -> None:
        """Record the answers of a model from now on, its series at 0."""
        bins = LiveBins(self._settings.identity, model.profile)
        self._telemetry.show(bins.lines)
        model.recorder = Observer(bins, self._shadow, self._ids, self._payloads)

    def close(self) -> None:
        """Write what was sampled and waits."""
        if self._payloads:
            self._payloads.stop(CLOSE_SECONDS)

    async def run(self) -> None:
        """Follow what is mounted and send copies, for ever."""
        spare = Spare(self._settings.cpus, time.monotonic, time.process_time)
        async with asyncio.TaskGroup() as work:
            work.create_task(self._shadow.run(spare))
            if self._settings.traffic:
                # What is there at the start is as new as what comes later, and a bad document ends no server.
                work.create_task(follow(self._settings.traffic, {}, self._aim))
            if self._settings.feedback_keys and self._ids:
                ids = self._ids
                work.create_task(
                    follow(self._settings.feedback_keys, self._key_files, lambda files: ids.use(_keys(files)))
                )

    def _sampling(self, settings: Settings) -> PayloadLog | None:
        if settings.payload_log is None:
            return None
        chance = random.Random().random  # noqa: S311 - no secret
        found = PayloadLog(
            settings.identity,
            settings.payload_log,
            socket.gethostname(),
            settings.payload_share,
            chance,
            sent=settings.payload_sent,
        )
        self._telemetry.show(found.lines)
        found.start()
        return found

    def _take_feedback(self) -> None:
        identity = self._settings.identity
        try:
            keys = _keys(self._key_files)
        except ValueError as problem:
            raise UnreadySecretError(f"spec.feedback.keySecretRef: the Secret is not usable: {problem}") from problem
        self._ids = PredictionIds(identity.deployment, identity.revision, os.urandom(SALT_BYTES), keys)
        series = FeedbackSeries(identity, Reason)
        self._telemetry.show(series.lines)
        self.feedback = Feedback(self._ids, series, self._settings.label_window_seconds)

    def _aim(self, files: Files) -> None:
        self._shadow.aim(read_target(files, self._settings.identity, self._settings.shadow_address))


def _keys(files: Files) -> Mapping[str, bytes]:
    """The keys of a Secret by name.

    Raises:
        ValueError: There is none, or one is no key; it names which, and never what it holds.
    """
    if not files:
        raise ValueError("it holds no key, or is not there: add one of 32 bytes, or of 64 hexadecimal digits")
    return {name: _key(name, content) for name, content in files.items()}


def _key(name: str, content: bytes) -> bytes:
    try:
        return parse_key(content)
    except ValueError as problem:
        raise ValueError(f"{name}: {problem}") from None
