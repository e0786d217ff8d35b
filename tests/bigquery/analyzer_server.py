"""A BigQuery without data: it answers the REST API and puts every statement before ZetaSQL.

What the analyzer refuses is answered as BigQuery does, with HTTP 400 and the analyzer's message;
what it accepts has run: tables and views that it creates are known from then on, with columns and
types. So the real client and the real dbt adapter can build the whole project, and whatever they
send, down to the DDL, has passed Google's own analysis. Selects return no row, but those whose
columns are named in `rows`: dbt's data tests one that says "no failures".
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.bigquery.zetasql_engine import (
    Analyzed,
    Catalog,
    Columns,
    Refused,
    array_type,
    simple_type,
    type_name,
)

LEGACY = {
    "INTEGER": "INT64",
    "BIGINT": "INT64",
    "FLOAT": "DOUBLE",
    "FLOAT64": "DOUBLE",
    "BOOLEAN": "BOOL",
    "DECIMAL": "NUMERIC",
}
PATH = re.compile(r"/(?:upload/)?(?:resumable/)?(?:bigquery/v2/)?projects/([^/]+)/(.*)")
PROBE = re.compile(r"select \* from \((.*)\) as __dbt_sbq\s", re.DOTALL)
TEST_COLUMNS = ("failures", "should_warn", "should_error")


def columns_of(schema: list[dict[str, Any]]) -> Columns:
    """Return the columns that an API schema declares."""
    found = []
    for entry in schema:
        kind = entry["type"].upper()
        kind = LEGACY.get(kind, kind)
        is_array = entry.get("mode") == "REPEATED"
        found.append((entry["name"], array_type(kind) if is_array else simple_type(kind)))
    return tuple(found)


def schema_of(columns: Columns) -> dict[str, Any]:
    """Return columns as an API schema."""
    fields = []
    for name, kind in columns:
        text = type_name(kind).replace("DOUBLE", "FLOAT64")
        repeated = re.fullmatch(r"ARRAY<(\w+)>", text)
        mode = "REPEATED" if repeated else "NULLABLE"
        text = repeated.group(1) if repeated else text
        fields.append({"name": name, "type": text, "mode": mode})
    return {"fields": fields}


def nulls_of(columns: Columns) -> str:
    """Return a query of one row with these columns, none of which has a value."""
    values = (
        f"cast(null as {type_name(kind).replace('DOUBLE', 'FLOAT64')}) as `{name}`"
        for name, kind in columns
    )
    return "select " + ", ".join(values)


@dataclass
class Job:
    """One statement or load as the API shows it."""

    resource: dict[str, Any]
    columns: Columns = ()


@dataclass
class AnalyzerServer:
    """A context manager: serves on a free loopback port until it ends."""

    catalog: Catalog
    statements: list[tuple[str, Analyzed]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    configurations: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    datasets: set[str] = field(default_factory=set)
    views: set[tuple[str, str]] = field(default_factory=set)
    rows: dict[tuple[str, ...], list[tuple[str | None, ...]]] = field(
        default_factory=lambda: {TEST_COLUMNS: [("0", "false", "false")]}
    )

    probed: dict[str, Columns] = field(default_factory=dict)

    def __enter__(self) -> AnalyzerServer:
        self._lock = threading.Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request; the analyzer takes one statement at a time."""
        found = PATH.fullmatch(unquote(urlsplit(path).path))
        if not found:
            return 404, _error("notFound", f"no such method: {path}")
        with self._lock:
            return self._route(method, found.group(2).strip("/").split("/"), body)

    def _route(
        self, method: str, parts: list[str], body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        match method, parts:
            case "GET", ["datasets"]:
                return 200, {"datasets": [self._dataset(name) for name in sorted(self.datasets)]}
            case "POST", ["datasets"]:
                self.datasets.add(body["datasetReference"]["datasetId"])
                return 200, self._dataset(body["datasetReference"]["datasetId"])
            case "GET", ["datasets", name]:
                known = name in self.datasets
                return (200, self._dataset(name)) if known else _missing("Dataset", name)
            case "GET", ["datasets", _, "routines"]:
                return 200, {"routines": []}
            case "GET", ["datasets", dataset, "tables"]:
                tables = [self._table(*key) for key in self.catalog.relations if key[0] == dataset]
                return 200, {"tables": tables, "totalItems": len(tables)}
            case "GET" | "PATCH" | "PUT", ["datasets", dataset, "tables", name]:
                known = (dataset, name) in self.catalog.relations
                return (200, self._table(dataset, name)) if known else _missing("Table", name)
            case "POST", ["datasets", dataset, "tables"]:
                name = body["tableReference"]["tableId"]
                self.catalog.add(dataset, name, columns_of(body["schema"]["fields"]))
                return 200, self._table(dataset, name)
            case "DELETE", _:
                return 204, {}
            case "POST", ["jobs"]:
                return self._insert(body)
            case "POST", ["queries"]:
                return self._query(body)
            case "GET", ["jobs", name]:
                return 200, self.jobs[name].resource
            case "GET", ["queries", name]:
                return 200, self._results(self.jobs[name])
        return 501, _error("notImplemented", f"{method} {'/'.join(parts)}")

    def _dataset(self, name: str) -> dict[str, Any]:
        reference = {"projectId": self.catalog.project, "datasetId": name}
        return {"datasetReference": reference, "id": name, "location": "EU"}

    def _table(self, dataset: str, name: str) -> dict[str, Any]:
        reference = {"projectId": self.catalog.project, "datasetId": dataset, "tableId": name}
        return {
            "tableReference": reference,
            "type": "VIEW" if (dataset, name) in self.views else "TABLE",
            "schema": schema_of(self.catalog.relations[dataset, name]),
            "numRows": "0",
            "numBytes": "0",
        }

    def _analyzed(self, sql: str, configuration: dict[str, Any]) -> Analyzed:
        self.configurations.append(configuration)
        try:
            positional = "queryParameters" in configuration.get("query", {})
            script = self.catalog.script(self._shortened(sql), positional=positional)
        except Refused as error:
            self.refusals.append((str(error), sql))
            raise
        if probe := PROBE.search(sql):
            self.probed[probe.group(1).strip()] = script[-1].columns
        for analyzed in script:
            self.statements.append((sql, analyzed))
            if "create_view" in analyzed.kind:
                self.views.add((analyzed.created[-2], analyzed.created[-1]))
        return script[-1]

    def _shortened(self, sql: str) -> str:
        """Take a query that dbt has just asked the columns of for what it was found to be.

        Before it makes a table with a contract dbt asks what columns its query has, and then
        sends the same text again: a row of nulls of those types says as much, and costs nothing.
        """
        for query, columns in self.probed.items():
            if query in sql and not any(type_name(kind) == "STRUCT" for _, kind in columns):
                del self.probed[query]
                return sql.replace(query, nulls_of(columns))
        return sql

    def _insert(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        configuration = body["configuration"]
        if "load" in configuration:
            return self._load(body)
        sql = configuration["query"]["query"]
        try:
            analyzed = self._analyzed(sql, configuration)
        except Refused as error:
            return 400, _error("invalidQuery", str(error))
        return 200, self._job(body, analyzed).resource

    def _load(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        load = body["configuration"]["load"]
        target = load["destinationTable"]
        if "schema" in load:
            columns = columns_of(load["schema"]["fields"])
            self.catalog.add(target["datasetId"], target["tableId"], columns)
        self.configurations.append(body["configuration"])
        return 200, self._job(body, Analyzed("load")).resource

    def _job(self, body: dict[str, Any], analyzed: Analyzed) -> Job:
        name = body.get("jobReference", {}).get("jobId") or f"job_{len(self.jobs)}"
        configuration = body["configuration"]
        query = configuration.get("query")
        if query is not None:
            dataset, table = (
                analyzed.created[-2:]
                if analyzed.columns and analyzed.created
                else ("_anonymous", name)
            )
            if dataset == "_anonymous":
                self.catalog.relations[dataset, table] = analyzed.columns
            query["destinationTable"] = {
                "projectId": self.catalog.project,
                "datasetId": dataset,
                "tableId": table,
            }
        reference = {"projectId": self.catalog.project, "jobId": name, "location": "EU"}
        resource = {
            "kind": "bigquery#job",
            "id": name,
            "jobReference": reference,
            "configuration": configuration,
            "status": {"state": "DONE"},
            "statistics": {
                "totalBytesProcessed": "0",
                "query": {
                    "statementType": _statement_type(analyzed),
                    "totalBytesProcessed": "0",
                    "totalBytesBilled": "0",
                    "schema": schema_of(analyzed.columns),
                },
            },
        }
        self.jobs[name] = Job(resource, analyzed.columns)
        return self.jobs[name]

    def _query(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            analyzed = self._analyzed(body["query"], {"query": body})
        except Refused as error:
            return 400, _error("invalidQuery", str(error))
        job = self._job({"configuration": {"query": {"query": body["query"]}}}, analyzed)
        return 200, self._results(job)

    def _results(self, job: Job) -> dict[str, Any]:
        names = tuple(name for name, _ in job.columns)
        rows = [{"f": [{"v": value} for value in row]} for row in self.rows.get(names, ())]
        return {
            "kind": "bigquery#getQueryResultsResponse",
            "jobReference": job.resource["jobReference"],
            "jobComplete": True,
            "schema": schema_of(job.columns),
            "rows": rows,
            "totalRows": str(len(rows)),
            "totalBytesProcessed": "0",
        }


def _statement_type(analyzed: Analyzed) -> str:
    if analyzed.kind == "query":
        return "SELECT"
    if "create_table_as_select" in analyzed.kind:
        return "CREATE_TABLE_AS_SELECT"
    if "create_table" in analyzed.kind:
        return "CREATE_TABLE"
    if "create_view" in analyzed.kind:
        return "CREATE_VIEW"
    return analyzed.kind.removeprefix("resolved_").removesuffix("_stmt_node").upper()


def _error(reason: str, message: str) -> dict[str, Any]:
    code = {"notFound": 404, "notImplemented": 501}.get(reason, 400)
    return {
        "error": {
            "code": code,
            "message": message,
            "errors": [{"reason": reason, "message": message, "domain": "global"}],
        }
    }


def _missing(kind: str, name: str) -> tuple[int, dict[str, Any]]:
    return 404, _error("notFound", f"Not found: {kind} {name}")


class _Handler(BaseHTTPRequestHandler):
    owner: AnalyzerServer
    protocol_version = "HTTP/1.1"
    resumable: dict[str, dict[str, Any]] = {}  # noqa: RUF012

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/upload/" in self.path:
            status, answer, headers = self._upload(raw)
        else:
            body = json.loads(raw) if raw else {}
            status, answer = self.owner.answer(self.command, self.path, body)
            headers = {}
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _upload(self, raw: bytes) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Take a load's description first and its bytes after it, or both in one request."""
        if self.command == "POST" and "uploadType=resumable" in self.path:
            key = str(len(self.resumable))
            self.resumable[key] = json.loads(raw)
            place = f"{self.owner.endpoint}{self.path}&upload_id={key}"
            return 200, {}, {"Location": place}
        if self.command == "PUT":
            body = self.resumable[self.path.rsplit("upload_id=", 1)[1]]
        else:
            body = json.loads(raw.split(b"\r\n\r\n", 2)[1].rsplit(b"\r\n--", 1)[0])
        path = self.path.split("?")[0]
        return (*self.owner.answer("POST", path, body), {})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *_: object) -> None:
        """Say nothing: every request is in the server's lists."""
