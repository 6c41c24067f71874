"""The callers' side: HTTP/1.1 framing and deadlines, and the ASGI application for all that is no inference."""
