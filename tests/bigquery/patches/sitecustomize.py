"""What real clients need to speak to a server on loopback that knows no credentials.

Python imports this by itself in every process whose PYTHONPATH names the folder: the product's
own code and the clients stay as they are. Only tests set that path.
"""

import os

import google.auth
from google.auth.credentials import AnonymousCredentials


def _anonymous(*_args, **_kwargs):  # type: ignore[no-untyped-def]
    return AnonymousCredentials(), None


google.auth.default = _anonymous


def _patch_destination() -> None:
    """The emulator names no destination for DDL; the target of the statement is the same table."""
    from google.cloud.bigquery import QueryJob

    original = QueryJob.destination.fget

    def destination(job):  # type: ignore[no-untyped-def]
        return original(job) or job.ddl_target_table

    QueryJob.destination = property(destination)


class _WhenImported:
    """Patches the client once somebody imports it: most processes never do."""

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name == "dbt.adapters.bigquery.connections":
            _patch_destination()
        return None


import sys  # noqa: E402

sys.meta_path.insert(0, _WhenImported())


def _redirect_services(address: str) -> None:
    """Send what would go to Google's other services to a server on loopback."""
    from google.auth.transport.requests import AuthorizedSession

    original = AuthorizedSession.request

    def request(session, method, url, **given):  # type: ignore[no-untyped-def]
        if "googleapis.com/" in url:
            url = f"{address}/{url.split('://', 1)[1]}"
        return original(session, method, url, **given)

    AuthorizedSession.request = request


if os.environ.get("GOOGLE_APIS_STAND_IN"):
    _redirect_services(os.environ["GOOGLE_APIS_STAND_IN"])
