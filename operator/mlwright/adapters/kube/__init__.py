"""The API server, over aiohttp."""
