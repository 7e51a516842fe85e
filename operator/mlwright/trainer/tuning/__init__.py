"""The search for parameters: a study of trials, each of them judged on folds of the training rows."""
