"""``-o checklist``: where it can be had, and what is said where it cannot."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("arguments", [("check", "missing.snapshot", "--profile", "dynamo"), ("demo",)])
def test_a_profile_without_a_checklist_is_refused_before_anything_is_read(run: Run, arguments: tuple[str, ...]) -> None:
    """One sentence that names the profiles with one, exit status 2."""
    done = run(*arguments, "-o", "checklist")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "clusterproof: the profile dynamo has no checklist of its document, so -o checklist cannot be made; "
        "profiles with one: asya\n"
    )


def test_the_checklist_of_asya_is_filled_in_for_any_cluster(run: Run) -> None:
    """A cluster that has nothing of it, read only in part, gets all boxes, none ticked by what was not read."""
    done = run("demo", "--profile", "asya", "-o", "checklist")
    assert (done.returncode, done.stderr) == (0, "")
    assert len([line for line in done.stdout.splitlines() if line.startswith(("- [ ] ", "- [x] "))]) == 20
    assert "- [ ] S3 bucket (encryption, lifecycle)" in done.stdout
    assert "- [ ] asya-operator role + Pod Identity association" in done.stdout
    assert "- `aws iam get-role --role-name asya-operator`" in done.stdout
