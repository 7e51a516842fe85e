"""The opponent of the step tune: what a person would write with Optuna alone.

It runs in a pod as it is, with nothing of ours: its own share of the trials, its own study in memory, no coordinator.
"""

import os
import sys

import numpy as np
import optuna
import pyarrow.parquet
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score


def main(path: str, trials: int, iterations: int) -> None:
    """Search for parameters on four fifths of the rows."""
    table = pyarrow.parquet.read_table(path)
    learned = table.slice(0, table.num_rows * 4 // 5)
    target = learned.column("late").to_numpy()
    names = [name for name in learned.column_names if name != "late"]
    features = np.column_stack([learned.column(name).to_numpy() for name in names])

    def value(trial: optuna.Trial) -> float:
        estimator = HistGradientBoostingClassifier(
            max_iter=iterations,
            early_stopping=False,
            random_state=7,
            learning_rate=trial.suggest_float("learning_rate", 0.02, 0.3, log=True),
            l2_regularization=trial.suggest_float("l2_regularization", 0.0, 1.0),
        )
        folds = StratifiedKFold(3, shuffle=True, random_state=7)
        return float(np.mean(cross_val_score(estimator, features, target, scoring="roc_auc", cv=folds)))

    number = int(os.environ["JOB_COMPLETION_INDEX"])
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=7 + number))
    study.optimize(value, n_trials=trials)
    print(f"roc_auc {study.best_value:.4f} with {study.best_params}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
