"""Rewrite a skops archive so that the same model always gives the same bytes.

Skops names objects by their memory addresses, in its schema and in the names of its members, and stamps members with
the time. Here objects are numbered in the order in which the schema names them first, members are sorted, every date
is the same, and nothing is compressed (compressors differ between machines).
"""

import io
import json
from pathlib import PurePosixPath
from typing import Any, Final
from zipfile import ZIP_STORED, ZipFile, ZipInfo

SCHEMA: Final = "schema.json"
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the first that a zip archive can say
_ID: Final = "__id__"
_FILE: Final = "file"


def canonical_archive(archive: bytes) -> bytes:
    """The same archive with numbered objects, sorted members and one fixed date.

    Raises:
        KeyError: The archive has no schema.
        zipfile.BadZipFile: It is not an archive.
    """
    with ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    numbers: dict[int, int] = {}
    schema = _renumber(json.loads(members.pop(SCHEMA)), numbers)
    renamed = {_rename(name, numbers): content for name, content in members.items()}
    renamed[SCHEMA] = json.dumps(schema, indent=1).encode()
    return _write(renamed)


def _renumber(node: Any, numbers: dict[int, int]) -> Any:
    """A copy of a schema node; `numbers` grows by each memory address in the order of appearance."""
    if isinstance(node, list):
        return [_renumber(entry, numbers) for entry in node]
    if not isinstance(node, dict):
        return node
    copy = {key: _renumber(value, numbers) for key, value in node.items()}
    if _ID in copy:
        copy[_ID] = numbers.setdefault(copy[_ID], len(numbers) + 1)
    if _FILE in copy and isinstance(copy[_FILE], str):
        copy[_FILE] = _rename(copy[_FILE], numbers)
    return copy


def _rename(member: str, numbers: dict[int, int]) -> str:
    path = PurePosixPath(member)
    if not path.stem.isdecimal():
        return member
    return str(path.with_stem(str(numbers.setdefault(int(path.stem), len(numbers) + 1))))


def _write(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with ZipFile(target, "w", ZIP_STORED) as archive:
        for name in sorted(members):
            archive.writestr(ZipInfo(name, _DATE), members[name])
    return target.getvalue()
