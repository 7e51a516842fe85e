"""What the controller needs from the outside, as small Protocols.

Only protocols and the values they speak in live here. An outcome that the domain has a word for, such as "no data"
or "already exists", is a value of the port and not an exception.
"""
