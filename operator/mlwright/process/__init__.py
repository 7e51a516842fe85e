"""How a program inside a pod meets its surroundings: the CPUs it was granted, its log, its last words.

Trainer and server share it; standard library only, because threads must be pinned before anything numerical is imported.
"""
