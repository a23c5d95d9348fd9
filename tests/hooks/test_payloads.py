"""What services send, as files with the fields of their documentation, and the sentences of it."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest

from pyconchat.hooks.delivery import Delivery, Post, read

PAYLOADS = Path(__file__).parent / "payloads"
LINES = 4096

COMPARE = "https://github.com/octo-org/kettle/compare/aaaaaaaaaaaa...bbbbbbbbbbbb"
PROMETHEUS = "http://prometheus.example.org:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
GITLAB = "https://gitlab.example.com/mike/kettle"
GITHUB = "https://github.com/octo-org/kettle"

# The file, the event in the header, and the message; none if the event is ignored.
EVENTS = [
    ("github-ping", "ping", ""),
    ("github-star", "star", ""),
    (
        "github-push",
        "push",
        f"monalisa pushed 2 commits to main of octo-org/kettle: Boil faster {COMPARE}",
    ),
    (
        "github-force-push",
        "push",
        f"monalisa force-pushed 1 commit to whistle of octo-org/kettle: Whistle {COMPARE}",
    ),
    (
        "github-new-branch",
        "push",
        f"monalisa pushed the branch steam to octo-org/kettle {COMPARE}",
    ),
    ("github-deleted-branch", "push", "monalisa deleted the branch steam of octo-org/kettle"),
    ("github-tag", "push", f"monalisa pushed the tag v1.2 to octo-org/kettle {COMPARE}"),
    (
        "github-pull-request-opened",
        "pull_request",
        "monalisa opened the pull request #7 of octo-org/kettle: Whistle when the water boils"
        f" {GITHUB}/pull/7",
    ),
    (
        "github-pull-request-merged",
        "pull_request",
        "monalisa merged the pull request #7 of octo-org/kettle: Whistle when the water boils"
        f" {GITHUB}/pull/7",
    ),
    (
        "github-pull-request-closed",
        "pull_request",
        "monalisa closed the pull request #7 of octo-org/kettle: Whistle when the water boils"
        f" {GITHUB}/pull/7",
    ),
    ("github-pull-request-labeled", "pull_request", ""),
    (
        "github-issue-opened",
        "issues",
        f"monalisa opened the issue #6 of octo-org/kettle: It does not whistle {GITHUB}/issues/6",
    ),
    (
        "github-issue-closed",
        "issues",
        f"monalisa closed the issue #6 of octo-org/kettle: It does not whistle {GITHUB}/issues/6",
    ),
    (
        "github-run-failed",
        "workflow_run",
        f"Build on main of octo-org/kettle failed: {GITHUB}/actions/runs/30433642",
    ),
    ("github-run-succeeded", "workflow_run", ""),
    ("github-run-cancelled", "workflow_run", ""),
    (
        "github-release",
        "release",
        f"monalisa released v1.2 of octo-org/kettle: The quick kettle {GITHUB}/releases/tag/v1.2",
    ),
    (
        "gitlab-push",
        "Push Hook",
        f"jsmith pushed 4 commits to main of mike/kettle: Fix the lid {GITLAB}",
    ),
    ("gitlab-deleted-branch", "Push Hook", "jsmith deleted the branch steam of mike/kettle"),
    ("gitlab-tag", "Tag Push Hook", f"jsmith pushed the tag v1.0.0 to mike/kettle {GITLAB}"),
    (
        "gitlab-merge-request",
        "Merge Request Hook",
        "jsmith opened the merge request !1 of mike/kettle: Close the lid"
        f" {GITLAB}/-/merge_requests/1",
    ),
    (
        "gitlab-merged",
        "Merge Request Hook",
        "jsmith merged the merge request !1 of mike/kettle: Close the lid"
        f" {GITLAB}/-/merge_requests/1",
    ),
    (
        "gitlab-issue",
        "Issue Hook",
        "jsmith opened the issue #23 of mike/kettle: New API: create/update/delete file"
        f" {GITLAB}/-/issues/23",
    ),
    (
        "gitlab-pipeline-failed",
        "Pipeline Hook",
        f"The pipeline on main of mike/kettle failed: {GITLAB}/-/pipelines/31",
    ),
    ("gitlab-pipeline-succeeded", "Pipeline Hook", ""),
    ("gitlab-pipeline-running", "Pipeline Hook", ""),
    (
        "gitlab-release",
        "Release Hook",
        f"John Smith released v1.1 of mike/kettle {GITLAB}/-/releases/v1.1",
    ),
    ("gitlab-wiki", "Wiki Page Hook", ""),
    (
        "alertmanager-firing",
        "",
        "Firing: InstanceDown at web-1:9100 (critical): web-1 has been down for more than 5 minutes"
        f" {PROMETHEUS}\nFiring: InstanceDown at web-2:9100 (critical) {PROMETHEUS}",
    ),
    (
        "alertmanager-mixed",
        "",
        f"Firing: DiskFull at db-2:9100 (warning): 1 % left on /var {PROMETHEUS}\n"
        f"Resolved: DiskFull at db-1:9100 (warning) {PROMETHEUS}",
    ),
    (
        "alertmanager-resolved",
        "",
        "Resolved: InstanceDown at web-1:9100 (critical): web-1 has been down for more than 5"
        f" minutes {PROMETHEUS}",
    ),
    (
        "grafana-firing",
        "",
        "Firing: High water at kettle-1 (warning): The kettle is nearly full"
        " https://grafana.example.org/d/abcd?orgId=1&viewPanel=2",
    ),
    (
        "grafana-resolved",
        "",
        "Resolved: High water at kettle-1 (warning): The kettle is nearly full"
        " https://grafana.example.org/d/abcd?orgId=1&viewPanel=2",
    ),
    (
        "grafana-8-alerting",
        "",
        "Firing: High water: The kettle is nearly full"
        " https://grafana.example.org/d/hZ7BuVbWz/kettle?tab=alert&viewPanel=2&orgId=1",
    ),
    (
        "slack",
        "",
        "Deployed release 42 (https://deploy.example.org/42) to production & staging, @U024BE7LH",
    ),
    (
        "slack-attachments",
        "",
        "New error: ZeroDivisionError (https://sentry.example.org/3) in kettle",
    ),
    (
        "mattermost",
        "",
        "#### Test results\n| Component | Passed |\n|:--|:--|\n| kettle | 118 |",
    ),
    ("discord", "", "Backup finished: **12 GB** in 4 minutes"),
]
RUNS = [
    ("github-run", "workflow_run", "Build on main of octo-org/kettle is fixed: "),
    ("gitlab-pipeline", "Pipeline Hook", "The pipeline on main of mike/kettle is fixed: "),
]


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def posted(name: str, event: str, failing: set[str] | None = None, form: bool = False) -> Post:
    """Return what the file *name* posts, as JSON, or as a form with it."""
    service = name.partition("-")[0]
    body, type = payload(name), "application/json; charset=utf-8"
    if form:
        body = urlencode({"payload": body}).encode()
        type = "application/x-www-form-urlencoded"
    headers = {"content-type": type}
    if event:
        headers[f"x-{service}-event"] = event
    return read(Delivery(headers, body), failing or set(), LINES)


@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
@pytest.mark.parametrize(("name", "event", "text"), EVENTS, ids=[name for name, _, _ in EVENTS])
def test_what_services_send(name: str, event: str, text: str, form: bool) -> None:
    """One readable sentence for each event, or for each alert; other events are ignored."""
    assert posted(name, event, form=form).text == text


def test_every_file_is_tried() -> None:
    """And there is none that nobody reads."""
    assert {name for name, _, _ in EVENTS} == {path.stem for path in PAYLOADS.glob("*.json")}


@pytest.mark.parametrize(("name", "event", "text"), RUNS)
def test_a_run_is_fixed_if_the_one_before_has_failed(name: str, event: str, text: str) -> None:
    """A run that is fine is no news otherwise."""
    failed = posted(f"{name}-failed", event).run
    assert failed is not None
    assert failed.failed
    fixed = posted(f"{name}-succeeded", event, {failed.name})
    assert fixed.text.startswith(text)
    assert fixed.run == failed._replace(failed=False)
    assert posted(f"{name}-succeeded", event, {"another"}) == Post(fixed.text[:0])


def test_the_files_are_small_enough() -> None:
    """Payloads of this size are posted; JSON is what the services send."""
    for path in PAYLOADS.glob("*.json"):
        assert isinstance(json.loads(path.read_bytes()), dict)
        assert path.stat().st_size < 64 * 1024
