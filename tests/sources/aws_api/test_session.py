from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import get_session

from clusterproof.errors import UsageError
from clusterproof.snapshot import kinds
from clusterproof.sources.aws_api import AccountOptions
from clusterproof.sources.aws_api.calls import _PAGE, plain
from clusterproof.sources.aws_api.requested import OURS
from clusterproof.sources.aws_api.session import Source, check_options

CONFIG = "[profile p]\nregion = eu-central-1\n[profile none]\n"


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two profiles, one with a region."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("option", "environ", "profile", "guess", "expected"),
    [
        ("us-west-2", {"AWS_REGION": "us-east-1"}, "p", "ap-south-1", "us-west-2"),
        ("", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-2"}, "p", "ap-south-1", "us-east-1"),
        ("", {"AWS_DEFAULT_REGION": "us-east-2"}, "p", "ap-south-1", "us-east-2"),
        ("", {}, "p", "ap-south-1", "eu-central-1"),
        ("", {}, "none", "ap-south-1", "ap-south-1"),
    ],
)
def test_where_the_region_comes_from(
    option: str, environ: dict[str, str], profile: str, guess: str, expected: str
) -> None:
    """The option, AWS_REGION, AWS_DEFAULT_REGION, the profile, and last what the kubeconfig tells."""
    options = AccountOptions(region=option, kubeconfig_region=guess)
    assert Source(profile, options, environ).region == expected


@pytest.mark.usefixtures("profiles")
def test_no_region() -> None:
    """Without any region the error says what to set."""
    with pytest.raises(UsageError, match="no AWS region is known; add --region, or set AWS_REGION"):
        Source("none", AccountOptions(), {})


@pytest.mark.usefixtures("profiles")
def test_a_damaged_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration file that cannot be parsed is a usage error that names it."""
    config = tmp_path / "damaged"
    config.write_text("region = us-west-2\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with pytest.raises(UsageError, match=r"the AWS configuration cannot be read: .*damaged"):
        Source("p", AccountOptions(), {})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (AccountOptions(region="Oregon"), "--region Oregon: a region is written like us-west-2"),
        (AccountOptions(endpoint_url="localhost:4566"), "--endpoint-url localhost:4566: expected http:// or https://"),
        (AccountOptions(profiles=("a", "b", "a")), "--aws-profile a is given twice"),
    ],
)
def test_options_that_are_wrong(options: AccountOptions, sentence: str) -> None:
    """What can be seen to be wrong is refused before anything is asked."""
    with pytest.raises(UsageError) as caught:
        check_options(options)
    assert sentence in str(caught.value)


def test_values_are_those_of_the_cli() -> None:
    """Times are ISO 8601 in UTC whatever the machine's zone; bytes are base64."""
    zone = timezone(timedelta(hours=2))
    given = {"At": datetime(2026, 5, 2, 10, 2, 31, tzinfo=zone), "List": [b"\x00\x01", 1, None, {"x": True}]}
    assert plain(given) == {"At": "2026-05-02T08:02:31+00:00", "List": ["AAE=", 1, None, {"x": True}]}


def test_calls_and_pages_are_those_of_the_api() -> None:
    """Each kind's action is a call of its service, whose answer has the kind's member; pages are of allowed size."""
    loader = get_session()
    data = loader.get_component("data_loader")
    for kind in (kind for kind in kinds.ALL if kind.origin == "aws" and kind not in OURS):
        prefix, _, operation = kind.permission.partition(":")
        service = {"elasticloadbalancing": "elbv2"}.get(prefix, prefix)  # IAM's name for it, and the API's
        assert service == kind.group
        model = loader.get_service_model(service).operation_model(operation)
        assert kind.wire in model.output_shape.members, kind.name
        pages = data.load_service_model(service, "paginators-1")["pagination"].get(operation)
        if pages is None:
            assert operation.startswith(("Describe", "Search")), xform_name(operation)
            continue
        limits = model.input_shape.members[pages["limit_key"]].metadata
        size = _PAGE.get(operation, 100)
        assert limits.get("min", 1) <= size <= limits.get("max", 1000), operation
