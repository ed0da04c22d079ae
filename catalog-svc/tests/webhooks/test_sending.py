"""Where webhooks go and where not, how they are signed, when they are tried again."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from catalog_svc.webhooks import schedule, signing
from catalog_svc.webhooks.addresses import AddressRefusedError, Rules, UrlRefusedError, check_address, check_url
from catalog_svc.webhooks.sending import MAX_RESPONSE_BYTES, Sender

LOOPBACK = Rules(loopback=True)


def names(*answers: Sequence[str]) -> tuple[Any, list[str]]:
    """A resolver that gives these answers one after the other, and what it was asked."""
    asked: list[str] = []
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve, asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "100.127.255.255", "0.0.0.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "192.0.0.8",
        "198.18.0.1", "192.88.99.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::8.8.8.8", "2002:7f00:1::", "2002:808:808::",
        "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2001::1", "2001:db8::1", "100::1",
    ],
)  # fmt: skip
def test_no_webhook_goes_to_an_address_that_is_not_public(address: str) -> None:
    with pytest.raises(AddressRefusedError):
        check_address(address, Rules())


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "100.63.255.255", "172.32.0.1"])
def test_public_addresses_are_allowed(address: str) -> None:
    check_address(address, Rules())
    check_url(f"https://{f'[{address}]' if ':' in address else address}/in?a=b", Rules())


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/", "ftp://example.org/", "//example.org/", "https://", "https:///in",
        "https://u:p@example.org/",
        "https://u@example.org/", "https://example.org:22/", "https://example.org:99999/", "https://example.org:x/",
        "https://example.org/#part", "https://127.0.0.1/", "https://[::1]/", "https://[::ffff:10.0.0.1]/",
        "https://localhost/", "https://db.internal/", "https://printer.local/", "https://intranet/",
        "https://exa mple.org/",
        "https://example.org/\n", "https://ex\\ample.org/", "https://exämple.org/", f"https://example.org/{'a' * 2000}",
    ],
)  # fmt: skip
def test_a_url_that_is_no_public_https_endpoint_is_refused(url: str) -> None:
    with pytest.raises(UrlRefusedError):
        check_url(url, Rules())


async def test_a_name_that_leads_inside_is_not_connected_to(make_receiver: Callable[..., Any]) -> None:
    receiver = make_receiver()
    port = receiver.url.split(":")[2].removesuffix("/in")
    rules = Rules(ports=frozenset({int(port)}))
    for answers in (["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]):
        resolve, asked = names(answers)
        answer = await Sender(rules, 5, resolve).send(f"https://hooks.example.org:{port}/", {}, b"{}")
        assert (answer.error_code, answer.status, asked) == ("address_refused", None, ["hooks.example.org"])
    assert not receiver.got


async def test_a_name_that_is_rebound_after_it_was_looked_at_gains_nothing(make_receiver: Callable[..., Any]) -> None:
    receiver = make_receiver()
    port = receiver.url.split(":")[2].removesuffix("/in")
    # looked up once for a connection: a second answer, which would lead elsewhere, is never asked for
    resolve, asked = names(["127.0.0.1"], ["10.0.0.1"])
    answer = await Sender(LOOPBACK, 5, resolve).send(f"http://hooks.test:{port}/in", {}, b"{}")
    assert (answer.status, asked) == (204, ["hooks.test"])
    assert receiver.got[0].headers["host"] == f"hooks.test:{port}"
    # what was good yesterday and leads inside today is refused at the next attempt
    again = await Sender(LOOPBACK, 5, resolve).send(f"http://hooks.test:{port}/in", {}, b"{}")
    assert (again.error_code, len(receiver.got), len(asked)) == ("address_refused", 1, 2)


async def test_redirects_are_failures_and_not_followed(make_receiver: Callable[..., Any]) -> None:
    receiver = make_receiver()
    receiver.answer = lambda handler: receiver.reply(handler, 307, location=receiver.url)
    answer = await Sender(LOOPBACK, 5).send(receiver.url, {}, b"{}")
    assert (answer.status, answer.succeeded, len(receiver.got)) == (307, False, 1)


async def test_of_a_long_answer_only_the_beginning_is_read(make_receiver: Callable[..., Any]) -> None:
    receiver = make_receiver()
    receiver.answer = lambda handler: receiver.reply(handler, 200, b"x" * 40 * MAX_RESPONSE_BYTES)
    answer = await Sender(LOOPBACK, 5).send(receiver.url, {}, b"{}")
    assert (answer.status, answer.response_bytes) == (200, MAX_RESPONSE_BYTES)
    assert len(answer.response_hash or "") == 16


async def test_an_endpoint_that_drips_is_left_in_time(make_receiver: Callable[..., Any]) -> None:
    receiver, let_go = make_receiver(), threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        while not let_go.wait(0.02):
            try:
                handler.wfile.write(b"x")
                handler.wfile.flush()
            except OSError:
                return

    receiver.answer = drip
    try:
        answer = await Sender(LOOPBACK, 0.3).send(receiver.url, {}, b"{}")
    finally:
        let_go.set()
    assert (answer.error_code, answer.status) == ("timed_out", None)
    assert 250 < answer.latency_ms < 5000


async def test_what_is_no_http_and_what_does_not_listen_have_codes_of_their_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def talk() -> None:
            with server.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"220 mail.example.org ESMTP\r\n\r\n")

        thread = threading.Thread(target=talk)
        thread.start()
        assert (await Sender(LOOPBACK, 5).send(f"http://127.0.0.1:{port}/", {}, b"{}")).error_code == "not_http"
        thread.join()
    assert (await Sender(LOOPBACK, 5).send(f"http://127.0.0.1:{port}/", {}, b"{}")).error_code == "connection_failed"


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate that signs itself, for a name; returns the file with it and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


async def test_tls_proves_the_name_though_the_connection_goes_to_an_address(
    make_receiver: Callable[..., Any], tmp_path: Path
) -> None:
    path = certificate(tmp_path, "hooks.test")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    receiver = make_receiver(tls=server)
    port = receiver.url.split(":")[2]
    resolve, _ = names(["127.0.0.1"])
    trusting = ssl.create_default_context(cafile=str(path))
    assert (await Sender(LOOPBACK, 5, resolve, trusting).send(f"https://hooks.test:{port}", {}, b"{}")).status == 204
    for name, tls in (("other.test", trusting), ("hooks.test", None)):
        answer = await Sender(LOOPBACK, 5, resolve, tls).send(f"https://{name}:{port}", {}, b"{}")
        assert answer.error_code == "tls_failed"
    assert len(receiver.got) == 1


def test_a_signature_is_what_the_standards_own_library_verifies() -> None:
    delivery, now, old, new = uuid4(), datetime.now(UTC), bytes(range(32)), bytes(range(32, 64))
    body = json.dumps({"type": "version.published.v1", "data": {"title": "Käse"}}, ensure_ascii=False).encode()
    headers = signing.headers(delivery, now, body, [new, old])
    for secret in (new, old):
        assert Webhook(signing.shown(secret)).verify(body, headers)["type"] == "version.published.v1"
    assert Webhook(signing.shown(new)).sign(headers["webhook-id"], now, body.decode()) in headers["webhook-signature"]
    wrong: list[tuple[bytes, dict[str, str], bytes]] = [
        (body + b" ", headers, new),
        (body, {**headers, "webhook-id": "msg_other"}, new),
        (body, {**headers, "webhook-timestamp": str(int(now.timestamp()) + 1)}, new),
        (body, headers, bytes(32)),
        (body, signing.headers(delivery, now - timedelta(minutes=10), body, [new]), new),
    ]
    for changed, told, secret in wrong:
        with pytest.raises(WebhookVerificationError):
            Webhook(signing.shown(secret)).verify(changed, told)
    assert "." not in headers["webhook-id"]


def test_delays_grow_with_jitter_and_end_within_three_days() -> None:
    began = datetime(2026, 3, 1, tzinfo=UTC)
    for chance in (0.0, 0.5, 1.0):
        now, attempts = began, 0
        while True:
            attempts += 1
            wait = schedule.delay(attempts, None, lambda: chance)  # noqa: B023 - called at once
            if schedule.gives_up(began, now, wait):
                break
            now += wait
        assert 12 <= attempts <= 18
        assert timedelta(days=2) < now - began <= timedelta(days=3)
    assert schedule.delay(1, None, lambda: 0.0) == timedelta(seconds=4)
    assert schedule.delay(1, None, lambda: 1.0) == timedelta(seconds=6)
    assert schedule.delay(1000, None, lambda: 0.5) == timedelta(hours=12)
    assert schedule.delay(1, timedelta(minutes=7), lambda: 0.5) == timedelta(minutes=7)
    assert schedule.delay(1, timedelta(days=70), lambda: 0.5) == timedelta(days=1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120), (" 0 ", 0), ("Sun, 01 Mar 2026 12:01:00 GMT", 60), ("Sun, 01 Mar 2020 12:01:00 GMT", 0),
        ("9" * 40, 86_400), ("-5", None), ("soon", None), ("", None), (None, None), ("²", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int | None) -> None:
    found = schedule.retry_after(header, datetime(2026, 3, 1, 12, tzinfo=UTC))
    assert found == (None if seconds is None else timedelta(seconds=seconds))
