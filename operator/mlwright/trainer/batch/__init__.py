"""Batch prediction: a version answers stored rows, shard by shard, and the answers appear as a whole or not at all."""
