"""How a program inside a pod meets its surroundings: the CPUs it was granted, its log, its last words.

Trainer and server share it. Standard library only: threads must be pinned before anything numerical is imported.
"""
