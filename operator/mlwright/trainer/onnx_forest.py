"""An isolation forest as one node of ONNX.

skl2onnx gives each tree some forty nodes of its own: for 100 trees a server then takes six seconds to load the model
and two milliseconds to answer a row. What a tree adds to the score depends on its leaf alone, so all trees fit into one
`TreeEnsembleRegressor` whose leaves hold that; it answers a row in 30 microseconds.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from onnx import TensorProto

from mlwright.bundle.tensors import Array

_ML: Final = "ai.onnx.ml"
_LEAF: Final = -1
_TIE: Final = 2e-6
"""What lies above the line by less counts as on it, and so as usual.

Repeated rows lie on the line that `contamination` draws, and scikit-learn calls all of them usual. Sums of single
precision miss it to either side, by 4e-7 with 300 trees and 8e-7 with 1,000, as threads and batches add them up.
"""


def convert_isolation_forest(scope: Any, operator: Any, container: Any) -> None:
    """Add a fitted forest to a graph as a converter of skl2onnx does it: the decision alone, labels follow from it."""
    forest, told = operator.raw_operator, {}
    for name in ("exponent", "power", "decision"):
        told[name] = scope.get_unique_variable_name(name)
    for name, value in {"two": 2.0, "offset": float(forest.offset_) - _TIE}.items():
        told[name] = scope.get_unique_variable_name(name)
        container.add_initializer(told[name], TensorProto.FLOAT, [1], [value])
    _, scores = (variable.full_name for variable in operator.outputs)
    container.add_node(
        "TreeEnsembleRegressor",
        [operator.inputs[0].full_name],
        [told["exponent"]],
        op_domain=_ML,
        op_version=1,
        name=scope.get_unique_operator_name("forest"),
        **tree_attributes(forest),
    )
    _add(container, scope, "Pow", [told["two"], told["exponent"]], told["power"], 15)
    _add(container, scope, "Add", [told["power"], told["offset"]], told["decision"], 14)
    _add(container, scope, "Neg", [told["decision"]], scores, 13)


def _add(container: Any, scope: Any, kind: str, inputs: list[str], output: str, version: int) -> None:
    container.add_node(kind, inputs, [output], op_version=version, name=scope.get_unique_operator_name(kind.lower()))


def tree_attributes(forest: Any) -> dict[str, Any]:
    """The attributes of a `TreeEnsembleRegressor` that answers the exponent of the score.

    A row is scored by `2 ** -(depth / usual depth)`, where depth is the mean over the trees of the length of its path,
    and of what a whole tree of the rows in its leaf would add to it. So each leaf holds its share of the exponent.
    """
    parts = [*_trees(forest)]
    joined = {name: np.concatenate([part[name] for part in parts]).tolist() for name in parts[0]}
    return {**joined, "n_targets": 1, "aggregate_function": b"SUM", "post_transform": b"NONE"}


def _trees(forest: Any) -> Iterator[Mapping[str, Array]]:
    # The version of scikit-learn is pinned, and every forest is compared with its original before it is kept.
    lengths, beyond = forest._decision_path_lengths, forest._average_path_length_per_tree  # noqa: SLF001
    usual = len(forest.estimators_) * _average_path(forest._max_samples)  # noqa: SLF001
    for place, (grown, features) in enumerate(zip(forest.estimators_, forest.estimators_features_, strict=True)):
        tree = grown.tree_
        leaf, ids = tree.children_left == _LEAF, np.arange(tree.node_count)
        depths = np.asarray(lengths[place] + beyond[place] - 1.0)
        weights = -depths / usual if usual else -np.ones(tree.node_count) / len(forest.estimators_)
        yield {
            "nodes_treeids": np.full(tree.node_count, place),
            "nodes_nodeids": ids,
            "nodes_featureids": np.where(leaf, 0, features[np.maximum(tree.feature, 0)]),
            "nodes_values": np.where(leaf, 0.0, _below(tree.threshold)),
            "nodes_modes": np.where(leaf, b"LEAF", b"BRANCH_LEQ"),
            "nodes_missing_value_tracks_true": np.where(leaf, 0, tree.missing_go_to_left),
            "nodes_truenodeids": np.maximum(tree.children_left, 0),
            "nodes_falsenodeids": np.maximum(tree.children_right, 0),
            "target_treeids": np.full(int(leaf.sum()), place),
            "target_nodeids": ids[leaf],
            "target_ids": np.zeros(int(leaf.sum()), dtype=np.int64),
            "target_weights": weights[leaf],
        }


def _below(thresholds: Array) -> Array:
    """The largest numbers of single precision that are not above: a row of that precision goes the same way."""
    single = thresholds.astype(np.float32)
    return np.where(single > thresholds, np.nextafter(single, np.float32(-np.inf)), single).astype(np.float64)


def _average_path(rows: int) -> float:
    """Mean length of the path to a row in a tree that isolates so many (Liu, Ting and Zhou 2008)."""
    if rows <= 2:  # noqa: PLR2004 - one row needs no split, two need one
        return float(rows - 1)
    return float(2.0 * (np.log(rows - 1.0) + np.euler_gamma) - 2.0 * (rows - 1.0) / rows)
