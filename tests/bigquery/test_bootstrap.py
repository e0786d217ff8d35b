"""`paygo bootstrap` against servers that remember: everything is made once, and then left alone."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import PermanentFailure
from orchestration.settings import Settings
from orchestration.warehouse import bigquery_apply, bigquery_doctor
from orchestration.warehouse import bigquery_bootstrap as bootstrap
from orchestration.warehouse.bigquery_apply import apply, compare
from orchestration.warehouse.bigquery_schema import LAYERS, SCRATCH

WISHES = bootstrap.Wishes(
    "proj", "EU", billing_account="012345-6789AB-CDEF01", analysts="analysts@example.com"
)


@dataclass
class Answer:
    status_code: int
    body: dict[str, Any]

    @property
    def text(self) -> str:
        return json.dumps(self.body)

    def json(self) -> dict[str, Any]:
        return self.body


@dataclass
class Cloud:
    """Keeps what it is sent, by address, as the services do."""

    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    policy: dict[str, Any] = field(default_factory=lambda: {"etag": "e", "bindings": []})
    refuses: str = "nothing at all"

    def request(self, method: str, url: str, json: Any = None) -> Answer:
        if self.refuses in url:
            return Answer(403, {"error": {"message": "permission denied"}})
        if url.endswith(":getIamPolicy"):
            return Answer(200, self.policy)
        if url.endswith(":setIamPolicy"):
            self.writes.append(url)
            self.policy = json["policy"]
            return Answer(200, self.policy)
        if method == "GET":
            return self._look(url)
        self.writes.append(f"{method} {url}")
        if method == "PATCH":
            self.things[url] |= json
            return Answer(200, self.things[url])
        name = self._name(url, json)
        self.things[name] = {**json, "name": name.split("/v1/")[-1]}
        return Answer(200, self.things[name])

    def _look(self, url: str) -> Answer:
        if re.search(r"/(taxonomies|policyTags|budgets)$", url):
            under = [v for k, v in self.things.items() if k.rsplit("/", 1)[0] == url]
            return Answer(200, {url.rsplit("/", 1)[1]: under})
        found = self.things.get(url)
        return Answer(200, found) if found is not None else Answer(404, {})

    @staticmethod
    def _name(url: str, body: dict[str, Any]) -> str:
        plain = url.split("?")[0]
        if "accountId" in body:
            project = plain.split("/projects/")[1].split("/")[0]
            return f"{plain}/{body['accountId']}@{project}.iam.gserviceaccount.com"
        if "datasetReference" in body:
            return f"{plain}/{body['datasetReference']['datasetId']}"
        if "quotaPreferenceId" in url:
            return f"{plain}/{url.split('quotaPreferenceId=')[1]}"
        return f"{plain}/{body.get('dataPolicyId') or body['displayName']}"


def test_everything_is_made_once_and_then_left() -> None:
    cloud, steps = Cloud(), bootstrap.plan(WISHES)
    first = apply(steps, cloud)
    assert not first.failed
    assert {f"{bootstrap.BIGQUERY}/projects/proj/datasets/{n}" for n in (*LAYERS, SCRATCH)} <= set(
        cloud.things
    )
    cloud.writes.clear()
    second = apply(steps, cloud)
    assert cloud.writes == []
    assert (second.made, second.changed, second.failed) == ([], [], [])
    assert len(second.held) == len(steps)


def test_looking_writes_nothing_and_knows_what_is_missing_or_otherwise() -> None:
    cloud, steps = Cloud(), bootstrap.plan(WISHES)
    nothing = compare(steps, cloud)
    assert (len(nothing.made), nothing.changed + nothing.held + nothing.failed) == (
        len(steps) - 1, ["right to run jobs, and nothing else, on the project"],
    )  # fmt: skip
    assert cloud.writes == []
    apply(steps, cloud)
    cloud.writes.clear()
    assert len(compare(steps, cloud).held) == len(steps)
    cloud.things[f"{bootstrap.BIGQUERY}/projects/proj/datasets/marts"]["labels"] = {}
    cloud.things = {k: v for k, v in cloud.things.items() if not k.endswith("/paygo_hash")}
    found = compare(steps, cloud)
    assert [title.split()[:2] for title in found.changed] == [["dataset", "marts"]]
    assert [title.split(":")[0] for title in found.made] == ["mask of hash"]
    assert cloud.writes == []


def test_doctor_says_what_of_a_project_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = Cloud()
    monkeypatch.setattr(bigquery_apply, "session", lambda _: cloud)
    settings = Settings(
        bigquery_project="proj",
        bigquery_analysts=WISHES.analysts,
        bigquery_billing_account=WISHES.billing_account,
        _env_file=None,
    )
    before = {name: (ok, said) for name, ok, said, _, _ in bigquery_doctor.bootstrapped(settings)}
    assert len(before) == len(bootstrap.parts(WISHES))
    assert not any(ok for ok, _ in before.values())
    assert "missing: service account paygo-read" in before["bigquery service accounts"][1]
    apply(bootstrap.plan(WISHES), cloud)
    cloud.writes.clear()
    after = {name: (ok, said) for name, ok, said, _, _ in bigquery_doctor.bootstrapped(settings)}
    assert all(ok for ok, _ in after.values()), after
    assert after["bigquery budget and quota"] == (True, "2 of 2 stand")
    cloud.refuses = "cloudquotas"
    hidden = {name: said for name, ok, said, _, _ in bigquery_doctor.bootstrapped(settings)}
    assert "cannot be looked at: quota" in hidden["bigquery budget and quota"]
    assert cloud.writes == []


def test_analysts_see_what_is_published_and_never_raw() -> None:
    cloud = Cloud()
    apply(bootstrap.plan(WISHES), cloud)
    for name in (*LAYERS, SCRATCH):
        entries = cloud.things[f"{bootstrap.BIGQUERY}/projects/proj/datasets/{name}"]["access"]
        is_open = any(e.get("groupByEmail") == WISHES.analysts for e in entries)
        assert is_open == (name in bootstrap.ANALYST_LAYERS), name
        views = [e["dataset"]["dataset"]["datasetId"] for e in entries if "dataset" in e]
        assert name not in views
        assert ("marts" in views) == (name in bootstrap.UPSTREAM_LAYERS and name != "marts"), name


def test_each_service_account_has_the_least() -> None:
    cloud = Cloud()
    apply(bootstrap.plan(WISHES), cloud)
    (binding,) = cloud.policy["bindings"]
    assert binding["role"] == "roles/bigquery.jobUser"

    def roles(account: str) -> dict[str, str]:
        email = bootstrap.member(WISHES, account)
        found = {}
        for name in (*LAYERS, SCRATCH):
            url = f"{bootstrap.BIGQUERY}/projects/proj/datasets/{name}"
            for entry in cloud.things[url]["access"]:
                if entry.get("userByEmail") == email:
                    found[name] = entry["role"]
        return found

    assert roles("paygo-extract") == {"raw": "WRITER", "ops": "WRITER", "scratch": "WRITER"}
    # `paygo run` extracts and builds under one login: nothing that either writes may be missing.
    assert roles("paygo-build") == dict.fromkeys((*LAYERS, SCRATCH), "WRITER")
    assert set(roles("paygo-read").values()) == {"READER"}
    assert {"raw", "staging", "intermediate"}.isdisjoint(roles("paygo-read"))


def test_what_others_have_granted_stays() -> None:
    cloud = Cloud()
    stranger = {"role": "roles/viewer", "members": ["user:somebody@example.com"]}
    cloud.policy["bindings"] = [stranger]
    url = f"{bootstrap.BIGQUERY}/projects/proj/datasets/marts"
    entry = {"role": "READER", "userByEmail": "somebody@example.com"}
    cloud.things[url] = {"access": [entry]}
    done = apply(bootstrap.plan(WISHES), cloud)
    assert stranger in cloud.policy["bindings"]
    assert entry in cloud.things[url]["access"]
    assert any("dataset marts" in title for title in done.changed)


def test_masks_hang_on_tags_of_the_classes_that_land() -> None:
    cloud = Cloud()
    apply(bootstrap.plan(WISHES), cloud)
    policies = {k.rsplit("/", 1)[1]: v for k, v in cloud.things.items() if "/dataPolicies/" in k}
    assert set(policies) == {"paygo_hash", "paygo_redact_text", "paygo_redact_paths"}
    for name, policy in policies.items():
        tag = policy["policyTag"]
        assert "{" not in tag
        assert cloud.things[f"{bootstrap.CATALOG}/{tag}"]["displayName"] == name[len("paygo_") :]


def test_a_refused_step_is_named_and_does_not_stop_the_others() -> None:
    cloud = Cloud(refuses="cloudquotas")
    done = apply(bootstrap.plan(WISHES), cloud)
    (failure,) = done.failed
    assert "quota" in failure and "403" in failure
    assert len(done.made) + len(done.changed) == len(bootstrap.plan(WISHES)) - 1


def test_the_command_prints_every_request_and_sends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYGO_BIGQUERY_PROJECT", "proj")
    monkeypatch.setattr(bigquery_apply, "session", lambda _: pytest.fail("printing sent something"))
    done = CliRunner().invoke(app, ["bootstrap", "--analysts", "analysts@example.com"])
    assert done.exit_code == 0, done.output
    for name in (*LAYERS, SCRATCH):
        assert f'"datasetId": "{name}"' in done.output
    assert "maxTimeTravelHours" in done.output


def test_without_a_project_it_says_so() -> None:
    with pytest.raises(PermanentFailure, match="PAYGO_BIGQUERY_PROJECT"):
        bootstrap.plan(bootstrap.Wishes("", "EU"))
