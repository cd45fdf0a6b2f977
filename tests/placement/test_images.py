from __future__ import annotations

import pytest

from clusterproof.placement.images import (
    dividing,
    image_scores,
    image_table,
    least_for_a_point,
    normalised,
    pod_images,
    points,
    with_images,
)
from clusterproof.placement.node import NodeView
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import MIB, node, spec

NOW = SchedulerVersion(31)


def nodes(count: int, **images: int) -> tuple[NodeView, ...]:
    """So many nodes, of which the first has the image ``app:1`` in MiB."""
    return (node("n0", images={"app:1": images["mib"] * MIB}), *(node(f"n{index}") for index in range(1, count)))


@pytest.mark.parametrize(
    ("count", "mib", "points"),
    [(3, 98, 0), (3, 99, 1), (100, 3270, 0), (100, 3280, 1), (1, 22, 0), (1, 1000, 100), (1, 2000, 100)],
)
def test_how_large_an_image_must_be_to_gain_a_point(count: int, mib: int, points: int) -> None:
    """Thresholds that the real scheduler showed: an image on one of N nodes needs 32.77 MiB times N for one point (rule 9.3)."""
    cluster = nodes(count, mib=mib)
    assert image_scores(spec(), cluster, image_table(cluster), NOW) == [points] + [0] * (count - 1)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("app", "app:latest"),
        ("host:5000/app", "host:5000/app:latest"),
        ("host:5000/app:1", "host:5000/app:1"),
        ("app@sha256:ab", "app@sha256:ab"),
    ],
)
def test_names_are_completed_with_latest_only(name: str, full: str) -> None:
    """A port is no tag, a digest is no missing tag (rule 9.3)."""
    assert normalised(name) == full


def test_init_containers_count_from_1_30() -> None:
    """Older schedulers look at the containers only (rule 9.3)."""
    body = spec(containers=[{"image": "a"}], initContainers=[{"image": "b"}])
    assert pod_images(body, SchedulerVersion(29)) == ("a:latest",)
    assert pod_images(body, SchedulerVersion(30)) == ("b:latest", "a:latest")


def test_two_sizes_of_one_image_are_unknown_only_where_they_matter() -> None:
    """The scheduler keeps the size that it met first, which a snapshot does not tell (rule 9.3)."""
    far = (node("n0", images={"app:1": 100 * MIB}), node("n1", images={"app:1": 900 * MIB}))
    answer = image_scores(spec(), far, image_table(far), NOW)
    assert isinstance(answer, Unknown)
    assert answer.cause is Cause.NOT_ANSWERABLE
    close = (node("n0", images={"app:1": 100 * MIB}), node("n1", images={"app:1": 100 * MIB + 1}))
    assert image_scores(spec(), close, image_table(close), NOW) == [7, 7]


def test_pulling_adds_a_holder_and_changes_nothing_else() -> None:
    """A pulled image is spread wider; a new one takes the size that was given (rule 9.3)."""
    before = image_table(nodes(4, mib=500))
    after = with_images(before, ["app:1", "new:1"], {"new:1": 7}, "n2")
    assert after.images["app:1"].holders == {"n0", "n2"}
    assert after.images["new:1"].largest == 7
    assert before.images["app:1"].holders == {"n0"}
    assert with_images(after, ["app:1"], {}, "n2") == after


@pytest.mark.parametrize(("minor", "counted", "divided"), [(35, 2, 2), (36, 3, 2), (37, 3, 3)])
def test_image_volumes_count_from_1_36_and_divide_later(minor: int, counted: int, divided: int) -> None:
    """v1.36.0 adds the images of image volumes to the sum and still divides by containers alone (rule 9.3)."""
    body = spec(
        containers=[{"image": "a"}],
        initContainers=[{"image": "b"}],
        volumes=[{"name": "model", "image": {"reference": "c:1"}}, {"name": "scratch", "emptyDir": {}}],
    )
    version = SchedulerVersion(minor)
    assert (len(pod_images(body, version)), dividing(body, version)) == (counted, divided)
    warm = (node("n0", images={"c:1": 1000 * MIB}), node("n1"))
    gained = image_scores(body, warm, image_table(warm), version)
    assert gained == [0 if minor < 36 else points(500 * MIB, divided), 0]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_least_size_for_a_point_is_the_least(count: int) -> None:
    """23 MiB and a hundredth of the rest: one byte less gains nothing (rule 9.3)."""
    least = least_for_a_point(count)
    assert (points(least - 1, count), points(least, count)) == (0, 1)
    assert count > 1 or round(least / MIB, 2) == 32.77


def test_twice_the_same_image_counts_twice() -> None:
    """Each container adds its image, and each adds to the divisor (rule 9.3)."""
    body = spec(containers=[{"image": "app:1"}, {"image": "app:1"}])
    cluster = nodes(1, mib=600)
    assert image_scores(body, cluster, image_table(cluster), NOW) == [100 * (1200 - 23) // (2000 - 23)]
