"""The program inside serving pods: load one bundle, prove that it answers as it was trained to, answer requests.

It knows nothing of Kubernetes or of training, and it is ready only after its self-test has passed.
"""
