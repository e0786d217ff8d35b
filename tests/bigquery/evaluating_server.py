"""A BigQuery without tables: what names none is run on ZetaSQL's reference engine.

dbt's unit tests bring their rows with them, so their queries run there whole: the model's own SQL
as BigQuery would execute it, on rows for which the answer is written down.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from tests.bigquery.analyzer_server import AnalyzerServer, Job, simple_type
from tests.bigquery.zetasql_engine import Refused, evaluate, type_name

UNIT_TEST = "dbt_internal_unit_test_actual"
MARK = "\u241e"
"""Between rows on their way out; no fixture holds it."""


def rows_of(sql: str, columns: list[tuple[str, Any]]) -> list[dict[str, str | None]]:
    """Run a query without tables on the reference engine; return its rows as texts."""
    texts = ", ".join(
        f"{_text(f'`{name}`', type_name(kind))} as `{name}`" for name, kind in columns
    )
    (cell,) = evaluate(
        f"select array_to_string(array(select to_json_string(t) from (select {texts} from (\n"
        f"{sql}\n)) as t order by 1), '{MARK}')"
    )
    return [json.loads(row) for row in (cell or "").split(MARK) if row]


def _text(column: str, kind: str) -> str:
    is_plain = not re.match(r"ARRAY|STRUCT|JSON", kind)
    return f"cast({column} as string)" if is_plain else f"to_json_string({column})"


@dataclass
class EvaluatingServer(AnalyzerServer):
    """An analyzer whose unit tests have rows. `evaluated` counts them, `broken` says what failed.

    An error while a query runs is answered as BigQuery does, when its rows are asked for.
    """

    evaluated: int = 0
    broken: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            return super().answer(method, path, body)
        except Refused as error:
            self.broken.append(str(error))
            entry = {"reason": "invalidQuery", "message": str(error), "domain": "global"}
            return 400, {"error": {"code": 400, "message": str(error), "errors": [entry]}}

    def _results(self, job: Job) -> dict[str, Any]:
        sql = job.resource["configuration"].get("query", {}).get("query", "")
        if UNIT_TEST not in sql:
            return super()._results(job)
        rows = rows_of(sql, list(job.columns))
        self.evaluated += 1
        names = [name for name, _ in job.columns]
        texts = Job(job.resource, tuple((name, simple_type("STRING")) for name in names))
        answer = super()._results(texts)
        answer["rows"] = [{"f": [{"v": row[name]} for name in names]} for row in rows]
        answer["totalRows"] = str(len(rows))
        return answer
