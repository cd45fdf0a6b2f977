"""boto3 sessions and clients: profiles, regions, endpoints, retries."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from clusterproof._version import __version__
from clusterproof.errors import UsageError
from clusterproof.sources.aws_api.failures import is_throttle
from clusterproof.sources.aws_api.records import AccountOptions
from clusterproof.sources.aws_api.workers import current

_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d+")
_CONNECT, _READ = 10, 30
"""Seconds to connect, and between two packets of an answer."""


def check_options(options: AccountOptions) -> None:
    """What can be told wrong before anything is asked.

    Raises:
        UsageError: the region or the endpoint is none, or a profile stands twice.
    """
    if options.region and not _REGION.fullmatch(options.region):
        raise UsageError(f"--region {options.region}: a region is written like us-west-2")
    if options.endpoint_url:
        parts = urlsplit(options.endpoint_url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise UsageError(f"--endpoint-url {options.endpoint_url}: expected http:// or https:// and a host")
    twice = {name for name in options.profiles if options.profiles.count(name) > 1}
    if twice:
        raise UsageError(f"--aws-profile {min(twice)} is given twice; keep one")


class Source:
    """The clients of one profile; threads may share it.

    Attributes:
        profile: the profile's name; empty for the default credentials.
        region: the region of its clients.
    """

    def __init__(self, profile: str, options: AccountOptions, environ: Mapping[str, str] | None = None) -> None:
        """Opens the profile.

        Raises:
            UsageError: there is no such profile, its file is damaged, or no region is known.
        """
        import boto3
        from botocore.exceptions import BotoCoreError

        environ = os.environ if environ is None else environ
        self.profile = profile
        self._options = options
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        try:
            self._session = boto3.Session(profile_name=profile or None)
            configured = self._session.region_name or ""
        except BotoCoreError as error:
            raise _unusable(error, profile) from None
        self.region = (
            options.region
            or environ.get("AWS_REGION", "")
            or environ.get("AWS_DEFAULT_REGION", "")
            or configured
            or options.kubeconfig_region
        )
        if not self.region:
            raise UsageError("no AWS region is known; add --region, or set AWS_REGION")
        if not _REGION.fullmatch(self.region):
            raise UsageError(f"region {self.region}: a region is written like us-west-2; add --region")

    def credentials(self) -> None:
        """Gets the credentials, once for all clients.

        Raises:
            botocore.exceptions.BotoCoreError: there are none, or they cannot be had.
        """
        from botocore.exceptions import NoCredentialsError

        found = self._session.get_credentials()
        if found is None:
            raise NoCredentialsError
        found.get_frozen_credentials()

    def client(self, service: str, region: str = "") -> Any:
        """The client of a service, in another region than the source's where one is named.

        Raises:
            UsageError: the service has no endpoint here.
        """
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        with self._lock:  # making clients is not safe for threads, using them is
            if (service, region) not in self._clients:
                options = self._options
                settings = Config(
                    connect_timeout=min(_CONNECT, options.deadline),
                    read_timeout=min(_READ, options.deadline),
                    max_pool_connections=options.workers,
                    retries={"mode": "adaptive", "total_max_attempts": options.attempts},
                    user_agent_extra=f"clusterproof/{__version__}",
                    # Who stands for S3's endpoint has no name for each bucket.
                    s3={"addressing_style": "path"} if options.endpoint_url else None,
                )
                try:
                    client = self._session.client(
                        service,
                        region_name=region or self.region,
                        endpoint_url=options.endpoint_url or None,
                        config=settings,
                    )
                except (BotoCoreError, ValueError) as error:
                    raise UsageError(
                        f"AWS service {service} cannot be asked in {region or self.region}: {error}"
                    ) from None
                client.meta.events.register_first("needs-retry", _before_retry)
                client.meta.events.register_first("before-send", _before_send)
                self._clients[service, region] = client
            return self._clients[service, region]


def _before_retry(response: Any = None, **_: Any) -> None:
    """Remembers throttling, and ends a call whose time is over."""
    call = current()
    if call is None:
        return
    if response is not None:
        http, parsed = response
        if is_throttle(str(parsed.get("Error", {}).get("Code", "")), http.status_code):
            call.throttled = True
    call.check()


def _before_send(**_: Any) -> None:
    call = current()
    if call is not None:
        call.check()


def _unusable(error: Exception, profile: str) -> UsageError:
    import botocore.session

    if type(error).__name__ == "ProfileNotFound":
        name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or ""
        how = f"--aws-profile {name}" if profile else f"AWS_PROFILE={name}"
        try:
            there = sorted(botocore.session.Session().available_profiles)
        except Exception:  # noqa: BLE001 - only for the hint
            there = []
        return UsageError(f"{how}: there is no such AWS profile; there are {', '.join(there) or 'none'}")
    return UsageError(f"the AWS configuration cannot be read: {error}")
