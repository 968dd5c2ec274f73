"""The HTTP API of a server for a group, ``/api/v1``: routes for an ASGI application, and their description (OpenAPI).

Needs starlette, which the extra ``app`` brings. A run is submitted, looked at and stopped through the same store as on
a page and in the queue; there is no second way.
"""
