"""What went wrong between two who wanted to speak TLS, or of whom only one did; each with what to do."""

from __future__ import annotations

import ssl

from engine.errors import CoordinationError

OTHER_NAME = frozenset({62, 64})
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"})
UNWANTED = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED")
"""Alerts of a server that wants another certificate of ours, or one at all."""
TLS_ALONE = b"HTTP request to an HTTPS server"
"""What servers written in Go say to who speaks plainly, with the status 400."""
OR_TLS = " If it speaks TLS alone, write coordination.url with https://."
OR_NO_TLS = " If it does not speak TLS, write coordination.url with http://."
"""Some servers hang up without a word; so does one that dies."""


def distrusted(place: str, error: ssl.SSLError) -> CoordinationError | None:
    """Return what to raise; None for what may be gone the next time."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in OTHER_NAME:
            return CoordinationError(
                f"{place}: its certificate is for another name ({error.verify_message}). Write coordination.url with a "
                "name that the certificate holds."
            )
        return CoordinationError(
            f"{place}: its certificate is not trusted ({error.verify_message}). Name the authority's certificates in "
            "coordination.ca."
        )
    reason = error.reason or ""
    if reason in NO_TLS:
        return CoordinationError(
            f"{place} does not speak TLS. Write coordination.url with http://, or with the port of TLS."
        )
    return unwanted(place, error)


def unwanted(place: str, error: ssl.SSLError) -> CoordinationError | None:
    """Return what to raise when a server wants another certificate of ours, or one at all; None for other faults."""
    reason = error.reason or ""
    if not reason.endswith(UNWANTED):
        return None
    said = reason.rpartition("ALERT_")[2].replace("_", " ").lower()
    return CoordinationError(
        f"{place} wants a certificate of ours that it trusts ({said}). See coordination.client_certificate and "
        "coordination.client_key."
    )


def speaks_tls_alone(place: str) -> CoordinationError:
    """Return what to raise when a server wants TLS and we did not."""
    return CoordinationError(f"{place} speaks TLS alone. Write coordination.url with https://.")
