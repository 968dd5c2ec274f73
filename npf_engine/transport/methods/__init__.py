"""Ways to learn an optimal map, one file each: ``registry`` knows them by name, ``method`` says what one is.

A file of this folder says what a way is called, what it needs and can be set, and names the function that does it; what
is heavy it imports when it fits, so that a list of the methods costs nothing. One from outside is a module that calls
``registry.register`` (npf_engine/extensions.py says how it is found).
"""
