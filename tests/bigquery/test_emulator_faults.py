"""The list of what the emulator gets wrong is true: every fault on it is still there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from tests.bigquery import emulator
from tests.bigquery.emulator_faults import FAULTS, Fault
from tests.bigquery.project import PROJECT

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def client(
    emulator_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[bigquery.Client]:
    data = tmp_path_factory.mktemp("faults") / "data"
    with emulator.running(emulator_home, data, as_it_is=True) as address:
        made = bigquery.Client(
            project=PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": address},
        )
        made.create_dataset(f"{PROJECT}.faults")
        yield made


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.title)
def test_the_fault_is_still_there(client: bigquery.Client, fault: Fault) -> None:
    assert fault.probe(client, "faults"), f"mended: {fault.title}; take it off the list"
