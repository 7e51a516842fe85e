"""The types that may be rebuilt from a skops archive, beyond those that skops trusts by itself.

The list belongs to the image and never to the bundle: a bundle that could name its own trusted types would trust
itself. Everything on it is a class of scikit-learn or numpy that holds numbers and runs no code when it is rebuilt.
Trees and search structures are compiled code that believes its arrays, so they are as safe as the digest that names
the bundle: load bundles only by a digest that you trust.
"""

from typing import Final

_DISTANCES: Final = ("BrayCurtis", "Canberra", "Chebyshev", "Euclidean", "Hamming", "Manhattan", "Minkowski")

TRUSTED_TYPES: Final[frozenset[str]] = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.calibration._TemperatureScaling",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.gaussian_process._gpc._BinaryGaussianProcessClassifierLaplace",
        "sklearn.gaussian_process.kernels.ConstantKernel",
        "sklearn.gaussian_process.kernels.Product",
        "sklearn.gaussian_process.kernels.RBF",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        *(f"sklearn.metrics._dist_metrics.{name}Distance64" for name in _DISTANCES),
    }
)
