"""What the operator needs from outside, as small protocols."""
