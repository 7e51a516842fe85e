"""The types that may be rebuilt from a skops archive, beyond those that skops trusts by itself.

The list belongs to the image and never to the bundle: a bundle that could name its own trusted types would trust
itself. Everything on it is a class of scikit-learn that only holds numbers.
"""

from typing import Final

TRUSTED_TYPES: Final[frozenset[str]] = frozenset(
    {
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    }
)
