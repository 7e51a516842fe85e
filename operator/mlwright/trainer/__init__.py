"""The program inside training Jobs: validate the data, train, evaluate, write the bundle.

It knows nothing of Kubernetes: its inputs are files and environment variables, its outputs a bundle, a result file
and an exit code.
"""
