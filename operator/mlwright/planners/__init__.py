"""Pure decisions: spec, status, what was observed, and the time of now in; a Plan out.

Nothing here reads a clock, draws a number, looks at the environment or talks to anyone. A planner takes at most one
step forward per cycle and asks for it again until the world shows that it happened.
"""
