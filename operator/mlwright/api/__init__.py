"""The kinds of the API group as pydantic models, and what is generated from them."""
