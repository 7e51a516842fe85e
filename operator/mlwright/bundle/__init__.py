"""The model bundle: the folder that training writes and serving reads.

A bundle is identified by a digest over its canonical files, so the same inputs give the same bundle, and a byte that
changed is noticed before anything is loaded.

`addresses`, `canonical`, `manifest`, `profile`, `golden` and `verification` need the standard library only; `tensors`,
`parity` and `profiling` need numpy; `models` imports ONNX Runtime or scikit-learn when a bundle of that format is
loaded. Importing the package itself imports none of them.
"""
