"""The one error that this package shows to a person."""


class ClusterError(Exception):
    """One sentence that says what is wrong and what to do about it."""
