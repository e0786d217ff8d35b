"""Receivers of this folder's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.alerting.receivers import Mailbox, Webhook


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    made = Mailbox()
    yield made
    made.close()
