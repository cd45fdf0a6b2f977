"""Variables of containers by which AWS SDKs find credentials."""

from __future__ import annotations

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.podenvironment import Carried, carried, of_template
from tests.world.build import Raw
from tests.world.identity import Cloud, arn, container, variable

AGENT = (
    variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
    variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/secrets/pods.eks.amazonaws.com/token"),
)
TOKEN = (
    variable("AWS_ROLE_ARN", arn("irsa")),
    variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"),
)


def pod(cloud: Cloud, name: str, *containers: Raw, phase: str = "Running") -> None:
    """A pod of Deployment app/worker."""
    spec = {"serviceAccountName": "worker", "containers": list(containers)}
    labels = {"app": "worker", "pod-template-hash": "1"}
    cloud.pod(f"app/{name}", "n", owner="ReplicaSet/worker-1", labels=labels, spec=spec, phase=phase)


def of(cloud: Cloud) -> tuple[Carried, ...] | Unknown:
    """What the pods of app/worker have got."""
    ground = cloud.world().ground
    return carried(ground.snapshot, ground.by_id["deploy/app/worker"])


def test_pods_show_what_eks_gave_them() -> None:
    """Pod Identity, IRSA, keys, or nothing (a pod that is older than its association); each container by itself."""
    cloud = Cloud().associated().worker()
    pod(cloud, "worker-1-a", container("main", *AGENT), container("side", *TOKEN))
    pod(cloud, "worker-1-b", container("main"), container("keys", variable("AWS_ACCESS_KEY_ID", secret="s")))
    pod(cloud, "worker-1-c", container("main"), phase="Succeeded")
    first, second = of(cloud)  # type: ignore[misc]
    assert (first.pod, first.service_account, first.node) == ("app/worker-1-a", "worker", "n")
    assert (first.pod_identity, first.web_identity, first.static) == (("main",), (("side", arn("irsa")),), ())
    assert first.without == ()
    assert (second.pod_identity, second.static, second.without) == ((), ("keys",), ("main",))


def test_a_workload_without_pods_has_none() -> None:
    """Nothing runs, nothing is carried."""
    assert of(Cloud().worker()) == ()


def test_pods_that_were_not_read_are_unknown() -> None:
    """Not collected, and refused."""
    cloud = Cloud().worker()
    cloud.drop(kinds.PODS)
    found = of(cloud)
    assert isinstance(found, Unknown)
    assert found.cause is Cause.NOT_COLLECTED
    refused = Cloud().worker()
    why = Unknown(Cause.DENIED, "list pods was denied", "allow list pods")
    refused.partly(kinds.PODS, why)
    assert of(refused) == why


def test_a_template_shows_only_its_own() -> None:
    """Variables of other purposes are left out, init containers come last, and a value may stand elsewhere."""
    spec = {
        "containers": [container("main", variable("LOG", "x"), variable("AWS_ROLE_ARN", secret="s"))],
        "initContainers": [container("setup", variable("AWS_PROFILE", "p"))],
    }
    ground = Cloud().worker(spec).world().ground
    main, setup = of_template(ground.snapshot, ground.by_id["deploy/app/worker"])
    assert (main.container, setup.container) == ("main", "setup")
    assert list(main.values) == ["AWS_ROLE_ARN"]
    assert isinstance(main.values["AWS_ROLE_ARN"], Unknown)
    assert setup.values == {"AWS_PROFILE": "p"}


def test_env_from_of_cron_jobs_and_bare_pods_is_read_where_it_stands() -> None:
    """The raw template of each kind has its own place."""
    spec = {"containers": [container("main", envFrom=[{"secretRef": {"name": "all"}}])]}
    cloud = Cloud()
    cloud.pod("app/alone", spec=spec)
    job = {"spec": {"template": {"spec": spec}}}
    cloud.put(kinds.CRON_JOBS, {"metadata": {"namespace": "app", "name": "nightly"}, "spec": {"jobTemplate": job}})
    ground = cloud.world().ground
    for workload in ("pod/app/alone", "cronjob/app/nightly"):
        (main,) = of_template(ground.snapshot, ground.by_id[workload])
        assert "Secret app/all" in main.open[0].detail
