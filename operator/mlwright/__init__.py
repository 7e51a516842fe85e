"""mlwright: a Kubernetes operator for the whole life of machine learning models."""
