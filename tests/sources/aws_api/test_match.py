from __future__ import annotations

import msgspec
import pytest

from clusterproof.errors import InputError
from clusterproof.sources.aws_api import AccountRead, Identity, check_match

SERVER = "https://1C4732A04F773946001521D6DB05853D.gr7.us-west-2.eks.amazonaws.com"
READ = AccountRead(
    answers=(),
    identities=(Identity("p", "111122223333", "arn:aws:sts::111122223333:assumed-role/r/s"),),
    region="us-west-2",
    cluster="demo",
    endpoint=SERVER,
    account="111122223333",
)


class Says(msgspec.Struct, frozen=True, kw_only=True):
    """What a kubeconfig tells."""

    context: str = "prod"
    server: str = ""
    cluster: str = ""
    account: str = ""
    region: str = ""


@pytest.mark.parametrize(
    "says",
    [
        Says(),
        Says(server=SERVER, cluster="demo", account="111122223333", region="us-west-2"),
        Says(server=SERVER.lower() + ":443"),
        Says(server="https://127.0.0.1:8443", cluster="demo"),
        Says(server="https://rancher.example.com/k8s/clusters/c-1"),
    ],
)
def test_what_matches(says: Says) -> None:
    """Equal words match, and so does what a kubeconfig leaves open: proxies and tunnels hide the endpoint."""
    check_match(READ, says)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        (Says(region="eu-west-1"), ("in eu-west-1", "in us-west-2", "--region eu-west-1", "context prod")),
        (Says(account="444455556666"), ("account 444455556666", "account 111122223333", "--aws-profile")),
        (Says(cluster="other"), ("cluster other", "cluster demo", "--cluster")),
        (Says(server=SERVER.replace("1C47", "2C47")), ("leads to 2c47", "is 1c47", "--cluster")),
        (Says(context="", region="eu-west-1"), ("the kubeconfig is of a cluster in eu-west-1",)),
    ],
)
def test_what_does_not_match(says: Says, words: tuple[str, ...]) -> None:
    """Each difference is refused; the sentence names both sides and what to do."""
    with pytest.raises(InputError) as caught:
        check_match(READ, says)
    for word in words:
        assert word in str(caught.value)
    assert caught.value.exit_status == 2


def test_without_a_cluster_one_profile_must_be_of_the_account() -> None:
    """Where describe-cluster was not read, it is enough that one of the profiles is of the kubeconfig's account."""
    both = (*READ.identities, Identity("q", "444455556666"))
    unread = msgspec.structs.replace(READ, identities=both, account="")
    check_match(unread, Says(account="444455556666"))
    with pytest.raises(InputError, match="account 777788889999"):
        check_match(msgspec.structs.replace(READ, account=""), Says(account="777788889999"))
