"""What went wrong where no answer came, in words of ours: exceptions of ``requests`` hold the request's headers."""

from __future__ import annotations

import ssl

from requests import exceptions

from confluence_sync.confluence.refusals import TransientError
from confluence_sync.errors import SourceUnavailable, SyncError, WrongSettings

_UNRESOLVED = ("NameResolutionError", "getaddrinfo", "Name or service not known", "Temporary failure in name")


def network_fault(error: OSError, host: str) -> TransientError | SyncError:
    """A fault worth another try, or an error where none can help."""
    if not isinstance(error, exceptions.RequestException):
        if "TLS CA" in str(error) or isinstance(error, ssl.SSLError | PermissionError):
            return WrongSettings("The CA bundle cannot be read.", hint="Check CA_BUNDLE and REQUESTS_CA_BUNDLE.")
        return TransientError(f"the connection to {host} broke", heavy=True)
    if isinstance(error, exceptions.SSLError):
        return _tls(error, host)
    if isinstance(error, exceptions.ProxyError):
        return TransientError("the proxy does not let us through", hint="Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, exceptions.ConnectTimeout):
        return TransientError(f"no connection to {host} in time", hint="Check the network, the proxy and egress rules.")
    if isinstance(error, exceptions.Timeout):
        return TransientError("no answer in time", heavy=True, hint="Run again later, or raise REQUEST_TIMEOUT.")
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return TransientError("its answer was cut off", heavy=True)
    if isinstance(error, exceptions.ConnectionError):
        return _connection(error, host)
    return WrongSettings("A request to the gateway cannot be made.", hint="Check CONF_GATEWAY_URL and the proxy.")


def _tls(error: exceptions.SSLError, host: str) -> TransientError | SyncError:
    if "CERTIFICATE_VERIFY_FAILED" in str(error) or "doesn't match" in str(error):
        return SourceUnavailable(
            f"The TLS certificate of {host} cannot be verified.",
            hint="Behind an inspecting proxy, name its CA in CA_BUNDLE; verification cannot be switched off.",
        )
    return TransientError(f"the TLS connection to {host} failed", hint="Check the proxy and CA_BUNDLE.")


def _connection(error: exceptions.ConnectionError, host: str) -> TransientError:
    text = repr(error)
    if any(mark in text for mark in _UNRESOLVED):
        return TransientError(f"the name {host} is not resolved", hint="Check CONF_GATEWAY_URL, DNS and the proxy.")
    if "Read timed out" in text:
        return TransientError("no answer in time", heavy=True, hint="Run again later, or raise REQUEST_TIMEOUT.")
    if "refused" in text:
        return TransientError(f"{host} refuses connections", hint="Check CONF_GATEWAY_URL, the proxy and egress rules.")
    return TransientError(f"the connection to {host} broke", heavy=True)
