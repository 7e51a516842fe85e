"""One model, one archive."""

from __future__ import annotations

import io
from zipfile import ZipFile

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skops.io import dumps, loads

from mlwright.bundle.skops_archive import canonical_archive

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X[:, 0] > 0).astype(int)


def _model() -> object:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)


def test_the_same_model_gives_the_same_bytes() -> None:
    """Two equal models lie at different places in memory, but their archives are equal."""
    first, second = dumps(_model()), dumps(_model())

    assert first != second
    assert canonical_archive(first) == canonical_archive(second)


def test_a_canonical_archive_stays_as_it_is() -> None:
    """Rewriting twice changes nothing more."""
    once = canonical_archive(dumps(_model()))

    assert canonical_archive(once) == once


def test_a_rewritten_archive_holds_the_same_model() -> None:
    """What is loaded predicts as the model that was stored."""
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)

    loaded = loads(canonical_archive(dumps(model)))

    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


def test_members_are_numbered_sorted_and_dated_alike() -> None:
    """Nothing in the archive tells when or where it was written."""
    with ZipFile(io.BytesIO(canonical_archive(dumps(_model())))) as archive:
        names = archive.namelist()
        dates = {member.date_time for member in archive.infolist()}

    assert names == sorted(names)
    assert all(len(name) < 12 for name in names)
    assert dates == {(1980, 1, 1, 0, 0, 0)}
