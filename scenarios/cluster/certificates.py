"""Certificates of the clusters of the scenarios: issued for a span of time, and looked at again."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lamplighter.scenarios.cluster.jsons import Json, at

FORM = "%Y-%m-%dT%H:%M:%SZ"


class Issuer:
    """An authority of a scenario, for ten years around `now` (seconds since the epoch)."""

    def __init__(self, name: str, now: float) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        moment = datetime.fromtimestamp(now, UTC)
        built = _builder(self._name, self._name, self._key, moment - timedelta(days=1800))
        built = built.not_valid_after(moment + timedelta(days=1800))
        built = built.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, hosts: tuple[str, ...], since: float, until: float) -> Json:
        """The data of a `kubernetes.io/tls` Secret."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hosts[0][:64])])
        built = _builder(subject, self._name, key, datetime.fromtimestamp(since, UTC))
        built = built.not_valid_after(datetime.fromtimestamp(until, UTC))
        names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        signed = built.add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        plain = serialization.NoEncryption()
        pem = serialization.Encoding.PEM
        secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
        return {"tls.crt": encoded(signed.public_bytes(pem)), "tls.key": encoded(secret)}


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime
) -> x509.CertificateBuilder:
    built = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    return (
        built.public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since.replace(microsecond=0))
    )


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def problem(secret: Json, host: str, now: float, bundle: str = "") -> str:
    """Why the certificate of a TLS Secret is not good for a host, in the words of Go's crypto/x509; "" where it is.

    `bundle` is a base64 PEM of the authority that is trusted, "" for any.
    """
    found = certificate_of(secret)
    if found is None:
        return "tls: failed to find any PEM data in certificate input"
    moment = datetime.fromtimestamp(now, UTC).replace(microsecond=0)
    head = "x509: certificate has expired or is not yet valid: current time "
    if moment > found.not_valid_after_utc:
        return f"{head}{moment.strftime(FORM)} is after {found.not_valid_after_utc.strftime(FORM)}"
    if moment < found.not_valid_before_utc:
        return f"{head}{moment.strftime(FORM)} is before {found.not_valid_before_utc.strftime(FORM)}"
    if bundle and not _signed_by(found, bundle):
        return "x509: certificate signed by unknown authority"
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = names.get_values_for_type(x509.DNSName)
    if not any(_covers(pattern, host) for pattern in hosts):
        return f"x509: certificate is valid for {', '.join(hosts)}, not {host}"
    return ""


def certificate_of(secret: Json) -> x509.Certificate | None:
    """The certificate of a TLS Secret, None where there is none to read."""
    try:
        return x509.load_pem_x509_certificate(base64.b64decode(at(secret, "data", "tls.crt") or ""))
    except ValueError:
        return None


def _signed_by(found: x509.Certificate, bundle: str) -> bool:
    try:
        authority = x509.load_pem_x509_certificate(base64.b64decode(bundle))
        found.verify_directly_issued_by(authority)
    except (ValueError, InvalidSignature):
        return False
    return True


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:]
    return pattern == host
