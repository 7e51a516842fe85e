"""The model bundle: the folder that training writes and serving reads.

A bundle is identified by a digest over its canonical files, so the same inputs give the same bundle, and a byte that
changed is noticed before anything is loaded.
"""
