"""Calling the REST API as somebody, and expecting an answer."""

from django.test import Client


class Api:
    """`get("models/")` and so on as one person. `last` is the last response."""

    def __init__(self, user=None, token=""):
        """As a person in a session, or as a program with the text of a token."""
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self.client = Client(raise_request_exception=False, headers=headers)
        if user:
            self.client.force_login(user)

    def get(self, path, expect=200):
        return self._send("get", path, expect)

    def delete(self, path, expect=204):
        return self._send("delete", path, expect)

    def post(self, path, data, expect=200, key=None):
        return self._send("post", path, expect, data, key)

    def put(self, path, data, expect=200):
        return self._send("put", path, expect, data)

    def patch(self, path, data, expect=200):
        return self._send("patch", path, expect, data)

    def upload(self, path, file, expect=201):
        self.last = self.client.post(f"/api/v1/{path}", {"file": file})
        return self._checked(expect)

    def _send(self, method, path, expect, data=None, key=None):
        address = path if path.startswith(("/", "http")) else f"/api/v1/{path}"
        headers = {"Idempotency-Key": key} if key else {}
        body = {} if data is None else {"data": data, "content_type": "application/json"}
        self.last = getattr(self.client, method)(address, headers=headers, **body)
        return self._checked(expect)

    def _checked(self, expect):
        answer = self.last.json() if self.last.content else None
        assert self.last.status_code == expect, (self.last.status_code, answer)
        if expect >= 400:
            assert self.last["Content-Type"] == "application/problem+json", self.last[
                "Content-Type"
            ]
            assert (
                answer["status"] == expect
                and answer["title"]
                and answer["detail"]
                and answer["instance"].startswith("urn:request:")
            )
        return answer
