"""What an installation lets pods ask of hosts outside: its administrator allows them, nobody else."""

from __future__ import annotations

from mlwright.bundle.origins import Origin, entries, is_allowed
from mlwright.errors import InvalidSpecError
from mlwright.settings import Settings


def check_host(url: str, field: str, settings: Settings) -> None:
    """Refuse an address whose host the installation does not allow.

    Raises:
        InvalidSpecError: it names the field, the host and whom to ask.
    """
    try:
        origin = Origin.of(url)
    except ValueError as error:
        raise InvalidSpecError(field, f"{error}; correct the address") from error
    if not is_allowed(origin, entries(settings.outside_hosts)):
        raise InvalidSpecError(
            field,
            f"{origin} is not among the hosts that pods may ask here: let the administrator add it to the chart's"
            " outside.hosts",
        )
