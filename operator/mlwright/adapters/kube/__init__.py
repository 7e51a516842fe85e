"""The API server, through the ApiClient of the official client."""
