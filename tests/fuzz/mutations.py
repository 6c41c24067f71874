"""Requests that nobody should send: mutations of JSON documents, forms, query strings, cursors, headers and cookies.

`sweep` puts what is known to break servers at each place of a request, once; `Mutator` draws anything at all from one seeded
generator, so that a failing case is found again by its seed and number.
"""

import copy
import json
import random
from dataclasses import dataclass, field, replace
from urllib.parse import quote, urlencode

TEXTS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff",
    "\ufeff",
    "\u202e",
    "é" * 3,
    "e\u0301",
    "🚀",
    "评分模型",
    "x" * 81,
    "x" * 10_001,
    "x" * 300_000,
    "'; DROP TABLE x; --",
    "%s%s%n",
    "{{ 7*7 }}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%00",
    "-1",
    "0",
    "1e999",
    "NaN",
    "Infinity",
    "9223372036854775807",
    "99999999999999999999",
    "0x1f",
    "true",
    "null",
    "[]",
    "{}",
    "=cmd()",
    "\r\nSet-Cookie: a=b",
    "a,b,c",
    "1.0.0-rc.9999",
    "1.0.0-rc.x",
    "999999.999999.999999",
    "1000000.0.0",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "2026-02-30",
    "http://[::1",
    "http://a:99999/",
    "https://user:pw@host/",
    "//evil.example",
    "javascript:alert(1)",
    "١٢٣",
    "0" * 5000,
    "1" * 5000,
    "1e-400",
    "0.0000000000000000000001",
    ".",
    "-",
    "a" * 8,
]
NUMBERS = [
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    2**53,
    2**63 - 1,
    2**63,
    -(2**63),
    2**64,
    10**30,
    0.1,
    -0.0,
    1e308,
    1e-308,
    1.5,
]
RAW = [
    b"",
    b"{",
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b'"' + b"\xff\xfe" + b'"',
    b"\xef\xbb\xbf{}",
    b"null",
    b"true",
    b"[]",
    b'"x"',
    b"1e999",
    b"NaN",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"a": "\\u0000"}',
    b'{"a": 1, "a": 2}',
    b"9" * 10_000,
    b"[[[[[[[[[[1]]]]]]]]]]",
    b'{"__proto__": {}}',
    b"\x00",
    b"<xml/>",
    b"a=b&c=d",
    b"[" + b"0," * 100_000 + b"0]",
]
HEADERS = {
    "Accept": [
        "*/*",
        "text/html",
        "application/xml",
        "application/json;version=9",
        "application/json; q=0",
        "a/b;q=x",
        "\x80",
        "*",
        ",,,",
        "application/json" * 500,
    ],
    "Accept-Encoding": ["gzip", "br;q=1.0, *;q=0", "identity;q=0", "\xff", "gzip" * 900],
    "Accept-Language": ["de", "xx-" + "y" * 500, "*;q=-1"],
    "If-None-Match": ["*", '"a"', "W/", "é"],
    "If-Modified-Since": [
        "yesterday",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 99 Foo 99999 99:99:99 GMT",
    ],
    "Range": ["bytes=0-", "bytes=-1", "bytes=9-1", "bytes=a-b", "lines=1"],
    "Content-Length": ["-1", "abc", "1e3", "99999999999999999999", "", "٣"],
    "Content-Encoding": ["gzip", "br", "nonsense"],
    "Idempotency-Key": ["", "k", "k" * 256, "é", "\x01", "a b", "null", "%00", "k" * 8000],
    "X-Request-Id": ["", "x" * 500, "a\tb", "../../x"],
    "X-Forwarded-For": ["1.2.3.4", "a", "::1, 127.0.0.1", "x" * 4000],
    "X-Forwarded-Host": ["evil.example"],
    "Host": ["evil.example", "", "a b", "[::1", "localhost:99999", "testserver:80", "x" * 500],
    "Referer": [
        "http://[",
        "javascript:x",
        "http://testserver/" + "x" * 5000,
        "http://testserver/models/",
        "é",
    ],
    "HX-Request": ["true", "false", "é"],
    "HX-Current-URL": ["http://[", "http://testserver/models/", "x" * 5000],
    "HX-Boosted": ["true"],
    "X-CSRFToken": ["", "x" * 64, "é"],
    "Expect": ["100-continue"],
    "Origin": ["null", "http://evil.example", "http://["],
    "Authorization": ["Bearer x", "Basic \xff", "Basic " + "x" * 4000],
    "X-HTTP-Method-Override": ["DELETE", "TRACE"],
    "Webhook-Id": ["x" * 500],
    "Webhook-Timestamp": ["9" * 40, "-1", "NaN", "é"],
    "Webhook-Signature": ["v1,é", "v1," + "A" * 500, ","],
}
COOKIES = {
    "sessionid": ["\\000", '"\\000"', "x" * 32, "x" * 5000, "é", "", "a b;c", "../x"],
    "csrftoken": ["", "x" * 32, "\x80", "x" * 64],
    "messages": ["x", "x:y:z", "\x00", "W1swLCJ4Il1d:bad"],
}
TYPES = [
    "application/json",
    "application/json; charset=utf-16",
    "application/json; charset=base64",
    "application/json; charset*=nonsense''x",
    "multipart/form-data; boundary*=utf-8''%ff",
    "application/json; charset=nonsense",
    "text/plain",
    "",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=utf-7",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/form-data; boundary=\xff",
    "multipart/form-data; boundary=" + "b" * 300,
    "multipart/form-data; boundary=b",
    "application/problem+json",
    "a/b/c",
    "*/*",
    "é",
]


def deep(levels):
    value = 1
    for _ in range(levels):
        value = {"a": [value]}
    return value


# What each place of a request gets in `sweep`.
SHARP_TEXTS = ["", "\0", "\ud800", "x" * 10_001, "-1", "9223372036854775807", "1e999", "é,,a"]
SHARP = [*SHARP_TEXTS[:4], 2**63 - 1, -1, 10**30, 1e308, None, [], {}, [{}], deep(20), deep(200)]
SHARP_BODIES = [
    b"",
    b"{",
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b"null",
    b"[]",
    b'{"a": 1e999}',
    b'{"\\ud800": 1}',
    b'{"a": 1, "a": 2}',
    b"\xff",
]
METHODS = ["get", "head", "post", "put", "patch", "delete", "options", "trace"]
MULTIPART = [
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="\xff\xfe\x00.onnx"\r\n\r\nx\r\n--b--\r\n',
    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=UTF-8''%00%ff.onnx\r\nContent-Transfer-Encoding: base64\r\n\r\n***\r\n--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="'
    + b"x" * 4000
    + b'.onnx"\r\nContent-Length: abc\r\n\r\nx\r\n--b--\r\n',
    b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename*=nonsense''a.onnx\r\n\r\nx\r\n--b--\r\n",
    b"--b\r\n\r\n",
    b"--b",
    b"\r\n--b--",
    b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="' + b"n" * 9000 + b'"\r\n\r\nx\r\n--b--\r\n',
    b"".join(
        b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(1100)
    )
    + b"--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.onnx"\r\nContent-Type: text/plain; charset=base64\r\n\r\nx\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="name"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=00=FF\r\n--b--\r\n',
]


@dataclass
class Request:
    """What is sent; `query` holds pairs, `data` a dict (a form or JSON), `raw` replaces it."""

    method: str
    path: str
    is_json: bool
    data: dict = field(default_factory=dict)
    query: list = field(default_factory=list)
    raw: bytes | None = None
    raw_query: str = ""
    content_type: str | None = None
    headers: dict = field(default_factory=dict)
    cookies: dict = field(default_factory=dict)
    # What the schema says of the operation: its query parameters, its body's members, questions that its list answers
    # (pairs of a query) and its own cursors, each with its question.
    parameters: tuple = ()
    members: tuple = ()
    questions: tuple = ()
    cursors: tuple = ()

    @property
    def address(self):
        pairs = [
            (quote(name, errors="surrogatepass"), quote(str(value), errors="surrogatepass"))
            for name, value in self.query
        ]
        query = self.raw_query or "&".join("=".join(pair) for pair in pairs)
        return f"{self.path}?{query}" if query else self.path

    def body(self):
        """(bytes, content type)"""
        if self.raw is not None:
            return self.raw, self.content_type or (
                "application/json" if self.is_json else "application/x-www-form-urlencoded"
            )
        if self.is_json:
            return json.dumps(self.data).encode("ascii"), self.content_type or "application/json"
        pairs = [
            (name, item)
            for name, value in self.data.items()
            for item in (value if isinstance(value, list) else [value])
        ]
        return urlencode(
            pairs, errors="surrogatepass"
        ).encode(), self.content_type or "application/x-www-form-urlencoded"


def sweep(request):
    """Copies of a valid request, each with one thing wrong: each member, parameter, cursor and the body as a whole."""
    values = SHARP if request.is_json else SHARP_TEXTS
    for path in (
        *_paths(request.data),
        *((name,) for name in request.members if name not in request.data),
    ):
        for value in values:
            yield _with(request, path, value)
    for name in request.parameters:
        for text in SHARP_TEXTS:
            yield replace(request, query=[(name, text)])
    for question, cursor in request.cursors:
        for other in (one for one in request.questions if one != question):
            yield replace(request, query=[*other, ("cursor", cursor)])
        for cut in (cursor[:-1], cursor[1:], cursor[: len(cursor) // 2], "x", ""):
            yield replace(request, query=[*question, ("cursor", cut)])
    if request.is_json and request.method != "get":
        for raw in SHARP_BODIES:
            yield replace(request, raw=raw)


def _with(request, path, value):
    data = copy.deepcopy(request.data)
    _at(data, path[:-1])[path[-1]] = value
    return replace(request, data=data)


class Mutator(random.Random):
    """Draws a few mutations for each request."""

    def __init__(self, seed, parameters=()):
        super().__init__(seed)
        self.parameters = list(parameters)

    def mutate(self, request):
        kinds = [
            self.question,
            self.question,
            self.header,
            self.cookie,
            self.other_bytes,
            self.place,
            self.verb,
        ]
        kinds += [self.body] * 5 if request.data else [self.question] * 2
        kinds += [self.cursor] * (6 if request.cursors else 0)
        for kind in self.sample(kinds, self.choice((1, 1, 2, 3))):
            kind(request)
        return request

    def text(self):
        return self.choice(TEXTS if self.randrange(3) else SHARP_TEXTS)

    def value(self, depth=0):
        kind = self.randrange(9 if depth < 3 else 7)
        if kind < 3:
            return self.text()
        if kind < 5:
            return self.choice(NUMBERS)
        if kind < 7:
            return self.choice((None, True, False, [], {}, [None], {"": ""}))
        if kind == 7:
            return [self.value(depth + 1) for _ in range(self.choice((1, 2, 60)))]
        return {self.text()[:70]: self.value(depth + 1) for _ in range(self.choice((1, 3, 30)))}

    def body(self, request):
        """One member, at any depth, gets another value, goes, or comes new."""
        paths = list(_paths(request.data))
        *above, key = self.choice(paths or [(None,)])
        holder, kind = _at(request.data, above), self.randrange(4)
        if key is None or kind == 0:
            request.data[
                self.choice(
                    (
                        *request.members,
                        *request.members,
                        "state",
                        "id",
                        "owner_team",
                        self.text()[:70],
                    )
                )
            ] = self.value()
        elif kind == 1 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = (
                self.value()
                if request.is_json
                else self.choice((self.text(), str(self.choice(NUMBERS))))
            )

    def other_bytes(self, request):
        request.content_type = self.choice(TYPES)
        request.raw = self.choice(
            MULTIPART if request.content_type.startswith("multipart") else RAW
        )
        if self.randrange(3) == 0 and request.raw:
            place = self.randrange(len(request.raw))
            request.raw = (
                request.raw[:place] + bytes([self.randrange(256)]) + request.raw[place + 1 :]
            )

    def question(self, request):
        for _ in range(self.choice((1, 1, 2, 1200)) if self.randrange(40) == 0 else 1):
            name = (
                self.choice(request.parameters or self.parameters)
                if self.randrange(5)
                else self.text()[:40]
            )
            request.query.append((name, self.choice((self.text(), self.choice(NUMBERS)))))
        if self.randrange(20) == 0:
            request.raw_query = self.choice(
                (
                    "%",
                    "%zz=%00",
                    "a=%ED%A0%80",
                    "q=%ff%fe",
                    "&&&=&=",
                    "q=" + "x" * 9000,
                    "version=%00",
                    "q=a%00b",
                    ";" * 50,
                )
            )

    def cursor(self, request):
        """The list's own cursor, whole or cut, with the same question or another."""
        question, text = self.choice(request.cursors)
        place = self.randrange(len(text))
        changed = (
            text[:place],
            text[place:],
            text[:place] + self.choice("aZ0_-:") + text[place + 1 :],
            text[::-1],
            self.text(),
        )
        request.query = [
            *self.choice((question, *request.questions)),
            ("cursor", self.choice((text,) * 4 + changed)),
        ]

    def header(self, request):
        name = self.choice(list(HEADERS))
        request.headers[name] = self.choice(HEADERS[name])

    def cookie(self, request):
        name = self.choice(list(COOKIES))
        request.cookies[name] = self.choice(COOKIES[name])

    def place(self, request):
        """Another segment of the path."""
        steps = request.path.strip("/").split("/")
        steps[self.randrange(len(steps))] = quote(
            self.choice((self.text()[:90], "0", "1", "999999999999999999", "UPPER", "..", "a" * 8)),
            errors="replace",
        )
        request.path = f"/{'/'.join(steps)}/"

    def verb(self, request):
        request.method = self.choice(METHODS)


def _paths(data, path=()):
    """Where each member of a document stands."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        yield (*path, key)
        if isinstance(value, (dict, list)):
            yield from _paths(value, (*path, key))


def _at(data, path):
    for step in path:
        data = data[step]
    return data
