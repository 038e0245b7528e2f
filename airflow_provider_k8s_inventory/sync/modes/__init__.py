"""The ways to read a scope: `full`, `metadata` and `delta`; `choosing` takes the cheapest that is safe.

Three, as no one of them is always safe and cheap. A list of all objects is always right, and costs what exists. A list
of their metadata costs a tenth of it, and proves as much about what is gone. A watch from a checkpoint costs what
changed, and proves nothing about what a server has forgotten, so it is checked by metadata now and then.
"""
