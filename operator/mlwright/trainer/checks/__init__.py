"""What data must prove before anything is learned from it: expectations, one pass over the rows, findings."""
