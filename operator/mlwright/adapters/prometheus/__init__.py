"""The store of metrics that speaks Prometheus' HTTP API."""
