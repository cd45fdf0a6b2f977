"""A moto server, extended by what it lacks, as a process of its own: ``python motoserver.py PORT``.

Added: EKS add-ons and pod identity associations (as real EKS: a list of associations names no role), and in
describe-cluster the VPC and the cluster security group, which real EKS makes; Intelligent-Tiering of buckets. Mended:
routes of transit gateways, the groups of an instance's second and further interfaces, and which right S3's calls need.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Raw = dict[str, Any]
ACCOUNT = "111122223333"
REGION = "us-west-2"

_ADDONS: dict[tuple[str, str, str], dict[str, Raw]] = {}
_ASSOCIATIONS: dict[tuple[str, str, str], dict[str, Raw]] = {}
_TIERINGS: dict[str, dict[str, str]] = {}


def _accepted(_request: Any) -> None:
    """Stands for the check of a signature."""


def extend() -> None:
    """Adds routes and members to moto in this process."""
    from moto.core.responses import ActionResult
    from moto.ec2.models import ec2_backends
    from moto.ec2.models.elastic_network_interfaces import NetworkInterface
    from moto.ec2.models.transit_gateway_route_tables import TransitGatewayRouteTableBackend
    from moto.eks import urls
    from moto.eks.exceptions import ResourceNotFoundException
    from moto.eks.responses import EKSResponse
    from moto.iam import access_control
    from moto.iam import models as iam_models

    iam_models.DEFAULT_ACCOUNT_ID = ACCOUNT  # type: ignore[attr-defined]
    # Moto computes other signatures than AWS for GET requests, which EKS takes; rights are what is tested here.
    access_control.IAMRequestBase.check_signature = _accepted  # type: ignore[assignment, method-assign]

    def key(response: Any) -> tuple[str, str, str]:
        cluster = response._get_param("name")
        response.eks_backend.describe_cluster(name=cluster)  # raises where there is none
        return response.current_account, response.region, cluster

    def absent(what: str, name: str) -> Exception:
        error: Exception = ResourceNotFoundException(message=f"No {what} found for name: {name}.")
        return error

    def create_addon(self: Any) -> Any:
        name = self._get_param("addonName")
        account, region, cluster = key(self)
        made = {
            "addonName": name,
            "clusterName": cluster,
            "status": "ACTIVE",
            "addonVersion": self._get_param("addonVersion") or "v1.0.0-eksbuild.1",
            "addonArn": f"arn:aws:eks:{region}:{account}:addon/{cluster}/{name}/0",
            "configurationValues": self._get_param("configurationValues") or "",
        }
        _ADDONS.setdefault((account, region, cluster), {})[name] = made
        return ActionResult({"addon": made})

    def list_addons(self: Any) -> Any:
        return ActionResult({"addons": sorted(_ADDONS.get(key(self), {}))})

    def describe_addon(self: Any) -> Any:
        name = self._get_param("addonName")
        found = _ADDONS.get(key(self), {}).get(name)
        if found is None:
            raise absent("addon", name)
        return ActionResult({"addon": found})

    def create_pod_identity_association(self: Any) -> Any:
        account, region, cluster = key(self)
        held = _ASSOCIATIONS.setdefault((account, region, cluster), {})
        identity = f"a-{len(held):017x}"
        held[identity] = {
            "clusterName": cluster,
            "namespace": self._get_param("namespace"),
            "serviceAccount": self._get_param("serviceAccount"),
            "roleArn": self._get_param("roleArn"),
            "associationId": identity,
            "associationArn": f"arn:aws:eks:{region}:{account}:podidentityassociation/{cluster}/{identity}",
        }
        for name in ("targetRoleArn", "externalId", "disableSessionTags", "policy"):
            if self._get_param(name):
                held[identity][name] = self._get_param(name)
        return ActionResult({"association": held[identity]})

    def list_pod_identity_associations(self: Any) -> Any:
        summary = ("clusterName", "namespace", "serviceAccount", "associationId", "associationArn")
        held = _ASSOCIATIONS.get(key(self), {}).values()
        return ActionResult({"associations": [{k: item[k] for k in summary} for item in held]})

    def describe_pod_identity_association(self: Any) -> Any:
        identity = self._get_param("associationId")
        found = _ASSOCIATIONS.get(key(self), {}).get(identity)
        if found is None:
            raise absent("association", identity)
        return ActionResult({"association": found})

    plain_describe = EKSResponse.describe_cluster

    def describe_cluster(self: Any) -> Any:
        answer = plain_describe(self)
        cluster = self.eks_backend.describe_cluster(name=self._get_param("name"))
        config = cluster.resources_vpc_config
        ec2 = ec2_backends[self.current_account][self.region]
        with contextlib.suppress(Exception):  # subnets that do not exist leave the cluster as moto made it
            vpc = ec2.get_subnet(config["subnetIds"][0]).vpc_id
            prefix = f"eks-cluster-sg-{cluster.name}-"
            groups = [group for group in ec2.groups[vpc].values() if group.name.startswith(prefix)]
            group = groups[0] if groups else ec2.create_security_group(f"{prefix}1234567890", "EKS created", vpc)
            config |= {"vpcId": vpc, "clusterSecurityGroupId": group.id}
        return answer

    def create_gateway_route(self: Any, *args: Any, **kwargs: Any) -> Any:
        route = plain_route(self, *args, **kwargs)
        end = route.get("transitGatewayAttachments")
        if isinstance(end, dict):  # moto's own answer leaves it out: a list is expected
            route["transitGatewayAttachments"] = [end]
        return route

    def search_gateway_routes(self: Any, transit_gateway_route_table_id: str, filters: Any, **_: Any) -> Any:
        return plain_search(self, transit_gateway_route_table_id, filters)  # a page size breaks moto

    plain_groups = NetworkInterface.group_set

    def group_set(self: Any) -> Any:
        # Security groups belong to an interface; moto lends the instance's to every interface that is attached to it.
        return self._group_set if self.device_index else plain_groups.__get__(self)

    NetworkInterface.group_set = property(group_set)  # type: ignore[assignment, method-assign]

    plain_route = TransitGatewayRouteTableBackend.create_transit_gateway_route
    plain_search = TransitGatewayRouteTableBackend.search_transit_gateway_routes
    TransitGatewayRouteTableBackend.create_transit_gateway_route = create_gateway_route  # type: ignore[method-assign]
    TransitGatewayRouteTableBackend.search_transit_gateway_routes = search_gateway_routes  # type: ignore[assignment, method-assign]

    for method in (
        create_addon,
        list_addons,
        describe_addon,
        create_pod_identity_association,
        list_pod_identity_associations,
        describe_pod_identity_association,
        describe_cluster,
    ):
        setattr(EKSResponse, method.__name__, method)
    base = "{0}/clusters/(?P<name>[^/]+)"
    for path in ("addons", "addons/(?P<addonName>[^/]+)"):
        urls.url_paths[f"{base}/{path}$"] = urls.response.dispatch
    for path in ("pod-identity-associations", "pod-identity-associations/(?P<associationId>[^/]+)"):
        urls.url_paths[f"{base}/{path}$"] = urls.response.dispatch


def extend_s3() -> None:
    """Adds Intelligent-Tiering, and the rights that moto takes for others.

    Which action each call needs: Service Authorization Reference, "Actions, resources, and condition keys for Amazon
    S3".
    """
    from moto.s3 import responses

    responses.ACTION_MAP["BUCKET"]["GET"] |= {
        "encryption": "GetEncryptionConfiguration",
        "intelligent-tiering": "GetIntelligentTieringConfiguration",
        "publicAccessBlock": "GetBucketPublicAccessBlock",
    }
    plain_get, plain_put = responses.S3Response._bucket_response_get, responses.S3Response._bucket_response_put

    def get(self: Any, bucket_name: str, querystring: Raw) -> Any:
        if "intelligent-tiering" not in querystring:
            return plain_get(self, bucket_name, querystring)
        self._set_action("BUCKET", "GET", querystring)
        self._authenticate_and_authorize_s3_action(bucket_name=bucket_name)
        self.backend.head_bucket(bucket_name)
        held = "".join(text for _, text in sorted(_TIERINGS.get(bucket_name, {}).items()))
        name = "ListBucketIntelligentTieringConfigurationsOutput"
        return 200, {}, f"<{name}><IsTruncated>false</IsTruncated>{held}</{name}>"

    def put(self: Any, request: Any, bucket_name: str, querystring: Raw) -> Any:
        if "intelligent-tiering" not in querystring:
            return plain_put(self, request, bucket_name, querystring)
        self.backend.head_bucket(bucket_name)
        text = self.body.decode()
        _TIERINGS.setdefault(bucket_name, {})[querystring["id"][0]] = text[text.index("<IntelligentTieringConf") :]
        return 200, {}, ""

    responses.S3Response._bucket_response_get = get  # type: ignore[method-assign]
    responses.S3Response._bucket_response_put = put  # type: ignore[method-assign]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def extended_moto(**settings: str) -> Iterator[str]:
    """Runs the server on a free port; gives its URL.

    Args:
        settings: variables of moto's own, e.g. ``MOTO_IAM_LOAD_MANAGED_POLICIES="true"``.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__)), str(port)],
        env={**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(300):
            if process.poll() is not None:
                raise RuntimeError(f"the moto server ended with status {process.returncode}")
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=2):  # noqa: S310 - http, made above
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def post(url: str, path: str, body: str, content_type: str = "text/plain") -> Raw:
    """A request to moto's own API."""
    request = urllib.request.Request(f"{url}{path}", body.encode(), {"Content-Type": content_type}, method="POST")  # noqa: S310 - http, made above
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        text = answer.read().decode()
    return dict(json.loads(text)) if text.startswith("{") else {}


if __name__ == "__main__":
    from moto.server import main

    extend()
    extend_s3()
    os.environ.pop("MOTO_ACCOUNT_ID", None)  # left there, no key could be another account's
    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
