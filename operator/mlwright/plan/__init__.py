"""The values that decisions are made of: frozen snapshots of what was seen, intents, and the Plan that holds them.

Nothing here decides or acts. Values are frozen, sequences are tuples, and equality is by content, so that a plan can
be compared, replayed and interrupted in a test.
"""
