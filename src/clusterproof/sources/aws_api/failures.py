"""Why a call gave no answer: every exception of botocore as an Unknown with its cause and what to do.

Codes are those of the services' "Common Errors" pages and of the AWS SDKs' retry
specification (throttling). Where a service answers a bare HTTP status, the status
decides. The messages of AWS are not repeated: a denial may carry an encoded
authorization message.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.sources.aws_api.records import Identity

THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedException",
        "UnauthorizedOperation",
    }
)
_EXPIRED = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
    }
)
_SIGNATURE = frozenset({"InvalidSignatureException", "RequestTimeTooSkewed", "SignatureDoesNotMatch"})
"""A wrong clock, or a wrong secret key."""
_REFUSED_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "OptInRequired",
        "UnrecognizedClientException",
    }
)
_TIMES = re.compile(r"Signature (?:expired|not yet current): (\d{8}T\d{6}Z) is [a-z ]+ \d{8}T\d{6}Z \((\d{8}T\d{6}Z)")
"""When the request was signed by this machine's clock, and AWS's time (IAM, "Troubleshoot Signature Version 4")."""
_NO_SUCH_CALL = frozenset({"InvalidAction", "UnknownOperation", "UnknownOperationException", "UnsupportedOperation"})
_CREDENTIAL_ERRORS = frozenset(
    {
        "CredentialRetrievalError",
        "InfiniteLoopConfigError",
        "InvalidConfigError",
        "LoginError",
        "MetadataRetrievalError",
        "NoAuthTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "PendingAuthorizationExpiredError",
        "RefreshWithMFAUnsupportedError",
        "SSOError",
        "SSOTokenLoadError",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnknownCredentialError",
    }
)
_UNREACHABLE = frozenset(
    {
        "ConnectionError",
        "EndpointConnectionError",
        "HTTPClientError",
        "ProxyConnectionError",
        "SSLError",
    }
)
_TIMEOUTS = frozenset({"ConnectTimeoutError", "ReadTimeoutError"})
_CUT = frozenset({"ConnectionClosedError", "IncompleteReadError", "PaginationError", "ResponseStreamingError"})
_SKEW = timedelta(minutes=4)
"""AWS refuses signatures that are five minutes off."""


def code_of(error: BaseException) -> str:
    """The code that AWS answered; empty for what is no answer."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def status_of(error: BaseException) -> int:
    """The HTTP status of the answer; 0 for what is no answer."""
    response = getattr(error, "response", None)
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) if isinstance(response, dict) else 0
    return status if isinstance(status, int) else 0


def is_throttle(code: str, status: int) -> bool:
    """Whether an answer asks to slow down."""
    return code in THROTTLED or status == 429


def credentials_failed(error: BaseException) -> bool:
    """Whether no call can work with these credentials: none, expired, refused."""
    return type(error).__name__ in _CREDENTIAL_ERRORS or code_of(error) in _EXPIRED | _SIGNATURE | _REFUSED_CREDENTIALS


def explain(error: BaseException, what: str, action: str, identity: Identity, region: str) -> Unknown:
    """The Unknown that a failed call leaves.

    Args:
        error: what botocore raised.
        what: what was being read, e.g. ``security-groups``.
        action: the IAM action that the call needs.
        identity: who called.
        region: where.
    """
    lead = f"{what} could not be read"
    code, status = code_of(error), status_of(error)
    if code:
        return _answered(error, lead, code, status, action, identity, region)
    name = type(error).__name__
    if name in _CREDENTIAL_ERRORS:
        return _no_credentials(name, lead, identity)
    if name in _TIMEOUTS:
        return Unknown(
            Cause.TIMED_OUT,
            f"{lead}: {action} in {region} did not answer in time",
            "read again, or see whether a proxy or firewall stands between",
        )
    if name in _CUT:
        return Unknown(Cause.INCOMPLETE, f"{lead} to the end: the answer to {action} was cut off", "read again")
    if name in _UNREACHABLE:
        return Unknown(
            Cause.NOT_ANSWERABLE,
            f"{lead}: the endpoint of {action} in {region} could not be reached",
            "see that the region exists, and that this machine reaches it (proxy, VPC endpoint, --endpoint-url)",
        )
    if name == "ResponseParserError" or not _is_botocore(error):
        # Beside its own errors botocore falls over pages that are no answers at all.
        return not_answered(lead, action)
    return Unknown(Cause.ERROR, f"{lead}: {action} ended with {name}", "read again")


def _is_botocore(error: BaseException) -> bool:
    response = getattr(error, "response", None)
    return type(error).__module__.startswith("botocore") and not isinstance(response, dict)


def not_answered(lead: str, action: str) -> Unknown:
    """The Unknown for an answer that is none of AWS's: a proxy's page, a stand-in without the call, half a text."""
    return Unknown(
        Cause.NOT_ANSWERABLE,
        f"{lead}: what answered {action} was not the AWS API, or its answer was cut off",
        "see which proxy or endpoint answers (--endpoint-url, AWS_ENDPOINT_URL, HTTPS_PROXY)",
    )


def _answered(
    error: BaseException, lead: str, code: str, status: int, action: str, identity: Identity, region: str
) -> Unknown:
    if is_throttle(code, status):
        return Unknown(
            Cause.THROTTLED, f"{lead}: AWS throttled {action} in {region} ({code})", "wait a minute, then read again"
        )
    if code in _EXPIRED | _SIGNATURE:
        skewed = _skewed(error, lead, code)
        if skewed is not None:
            return skewed
    if code in _EXPIRED:
        return Unknown(Cause.ERROR, f"{lead}: {_whose(identity)} have expired ({code})", _log_in(identity))
    if code in _REFUSED_CREDENTIALS | _SIGNATURE:
        return Unknown(
            Cause.ERROR,
            f"{lead}: AWS does not accept {_whose(identity)} ({code})",
            "give valid credentials (aws sts get-caller-identity tells), or another --aws-profile",
        )
    if code in _DENIED or status in (401, 403) or code in ("401", "403"):
        return Unknown(
            Cause.DENIED, f"{lead}: AWS refused {action}{_by(error)} to {identity.text} in {region}", f"grant {action}"
        )
    if status >= 500 or status == 404 or code in _NO_SUCH_CALL or code.isdigit():
        if code.isdigit() or code in _NO_SUCH_CALL or not _request_id(error):
            return not_answered(lead, f"{action} (HTTP {status})")
        if status >= 500:
            return Unknown(Cause.NOT_ANSWERABLE, f"{lead}: {action} failed in AWS ({code})", "read again")
    return Unknown(Cause.ERROR, f"{lead}: AWS answered {action} with {code}", "read again")


def _request_id(error: Any) -> str:
    return str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))


def _by(error: Any) -> str:
    """Which policy said no, where AWS tells; the rest of its message is not repeated."""
    message = str(error.response.get("Error", {}).get("Message", ""))
    for words in ("service control policy", "resource control policy", "permissions boundary", "session policy"):
        if words in message:
            return f" (by a {words})"
    return " (by an explicit deny)" if "explicit deny" in message else ""


def _whose(identity: Identity) -> str:
    return f"the credentials of profile {identity.profile}" if identity.profile else "the default credentials"


def _skewed(error: Any, lead: str, code: str) -> Unknown | None:
    """A wrong clock looks to AWS like an old or a wrong signature; its message, or its answer's own time, tells."""
    skew = _told_skew(error)
    if skew is None:
        skew = _clock_skew(error)
        if skew is None or abs(skew) < _SKEW:
            return None
    minutes = round(abs(skew).total_seconds() / 60)
    way = "ahead of" if skew > timedelta() else "behind"
    return Unknown(
        Cause.ERROR,
        f"{lead}: this machine's clock is {minutes} minutes {way} AWS's, so AWS refuses its signatures ({code})",
        "set the clock, then read again",
    )


def _told_skew(error: Any) -> timedelta | None:
    """By how much the time in the signature is off AWS's, where the message says both; None when it does not."""
    found = _TIMES.search(str(error.response.get("Error", {}).get("Message", "")))
    if found is None:
        return None
    signed, there = (datetime.strptime(text, "%Y%m%dT%H%M%S%z") for text in found.groups())
    return signed - there


def _clock_skew(error: Any) -> timedelta | None:
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        there = parsedate_to_datetime(str(headers.get("date", "")))
    except (TypeError, ValueError):
        return None
    if there.tzinfo is None:
        there = there.replace(tzinfo=UTC)
    return datetime.now(UTC) - there


def _log_in(identity: Identity) -> str:
    return f"log in again (aws sso login{f' --profile {identity.profile}' if identity.profile else ''}, or new keys)"


def _no_credentials(name: str, lead: str, identity: Identity) -> Unknown:
    if name == "NoCredentialsError":
        where = f"profile {identity.profile} holds no AWS credentials" if identity.profile else ""
        where = where or "no AWS credentials were found"
        return Unknown(Cause.NOT_COLLECTED, f"{lead}: {where}", "name a profile with --aws-profile, or aws configure")
    if name in ("SSOTokenLoadError", "UnauthorizedSSOTokenError", "SSOError", "TokenRetrievalError", "LoginError"):
        return Unknown(Cause.ERROR, f"{lead}: the sign-in session of {_whose(identity)} has expired", _log_in(identity))
    return Unknown(
        Cause.ERROR,
        f"{lead}: {_whose(identity)} could not be had ({name})",
        "see that aws sts get-caller-identity works with them",
    )
