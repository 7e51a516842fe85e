"""What a program is told: a JSON object in a variable of its environment."""

import json
from collections.abc import Mapping

from mlwright.bundle.documents import Document, Refuse


def document_in(env: Mapping[str, str], variable: str, refuse: Refuse) -> Document:
    """The document in a variable.

    Raises:
        Exception: What `refuse` makes, if the variable is not there, or holds no JSON object.
    """
    try:
        found = json.loads(env[variable])
    except KeyError:
        raise refuse("", "is not set") from None
    except (ValueError, RecursionError):
        raise refuse("", "is not JSON") from None
    return Document.of(found, "", refuse)
