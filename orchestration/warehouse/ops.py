"""The `ops` schema: what the pipeline remembers of itself. DDL and column lists only.

Times are UTC without zone and come from the injected clock or the run's as_of.
"""

from __future__ import annotations

OPS_TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    # One row a committed load, also when it brought no row.
    "load_ledger": (
        ("load_id", "varchar not null"),
        ("stream", "varchar not null"),
        ("source", "varchar not null"),
        ("as_of", "timestamp not null"),
        ("run_id", "varchar not null"),
        ("mode", "varchar not null"),
        ("rows_appended", "bigint not null"),
        ("rows_deleted", "bigint not null"),
        ("cursor_json", "varchar not null"),
        ("content_hash", "varchar not null"),
        ("committed_at", "timestamp not null"),
    ),
    # Where every stream stands: one row a stream.
    "stream_cursors": (
        ("stream", "varchar not null"),
        ("cursor_json", "varchar not null"),
        ("as_of", "timestamp not null"),
        ("load_id", "varchar not null"),
    ),
    # One row a stream and run, failed ones too; a warning has status ok and an error_kind.
    "stream_runs": (
        ("run_id", "varchar not null"),
        ("stream", "varchar not null"),
        ("source", "varchar not null"),
        ("as_of", "timestamp not null"),
        ("status", "varchar not null"),
        ("error_kind", "varchar"),
        ("error_message", "varchar"),
        ("recorded_at", "timestamp not null"),
        ("replica_lag_seconds", "bigint"),
    ),
    # One row a value that did not fit its column, with the rule that was applied.
    "quarantine": (
        ("stream", "varchar not null"),
        ("row_key", "varchar not null"),
        ("column_name", "varchar not null"),
        ("rule", "varchar not null"),
        ("value_text", "varchar"),
        ("load_id", "varchar not null"),
        ("as_of", "timestamp not null"),
    ),
    # One row a difference between a source's shape and the contract, at its first sight.
    "schema_changes": (
        ("stream", "varchar not null"),
        ("change", "varchar not null"),
        ("column_name", "varchar not null"),
        ("detail", "varchar"),
        ("as_of", "timestamp not null"),
    ),
    # One row a stream and run: what the source holds against what the warehouse holds.
    # Scope `all`: everything; `read`: what this run read. Money: JSON of column and sum.
    "reconciliation": (
        ("run_id", "varchar not null"),
        ("stream", "varchar not null"),
        ("as_of", "timestamp not null"),
        ("source_count", "bigint"),
        ("warehouse_count", "bigint"),
        ("source_key_hash", "varchar"),
        ("warehouse_key_hash", "varchar"),
        ("verdict", "varchar not null"),
        ("scope", "varchar"),
        ("source_money", "varchar"),
        ("warehouse_money", "varchar"),
    ),
    # One row an expectation and run.
    "check_results": (
        ("run_id", "varchar not null"),
        ("check_id", "varchar not null"),
        ("suite", "varchar not null"),
        ("subject_kind", "varchar not null"),
        ("subject", "varchar not null"),
        ("rule", "varchar not null"),
        ("expectation", "varchar"),
        ("observed", "varchar"),
        ("verdict", "varchar not null"),
        ("message", "varchar"),
        ("evidence_as_of", "timestamp"),
        ("evaluated_at", "timestamp not null"),
    ),
    # One row an incident: a cause that alerts were raised for.
    "incidents": (
        ("incident_id", "varchar not null"),
        ("cause_kind", "varchar not null"),
        ("cause", "varchar not null"),
        ("severity", "varchar not null"),
        ("state", "varchar not null"),
        ("owner", "varchar"),
        ("opened_at", "timestamp not null"),
        ("last_notified_at", "timestamp"),
        ("acknowledged_at", "timestamp"),
        ("resolved_at", "timestamp"),
        ("metrics", "varchar"),
        ("message", "varchar"),
        ("since", "timestamp"),
        ("clear_since", "timestamp"),
        ("reopened", "bigint"),
        ("announced_severity", "varchar"),
        ("announced_reopened", "bigint"),
        ("reminders", "bigint"),
        ("acknowledged_by", "varchar"),
        ("resolution_notified_at", "timestamp"),
    ),
    # One row a message to one channel; written before it is sent.
    "alert_notices": (
        ("message_id", "varchar not null"),
        ("channel", "varchar not null"),
        ("notices", "varchar not null"),
        ("severity", "varchar not null"),
        ("title", "varchar not null"),
        ("body", "varchar not null"),
        ("status", "varchar not null"),
        ("tries", "bigint not null"),
        ("error", "varchar"),
        ("created_at", "timestamp not null"),
        ("sent_at", "timestamp"),
    ),
    # One row a time of silence about a subject, ended ones too.
    "alert_mutes": (
        ("mute_id", "varchar not null"),
        ("subject", "varchar not null"),
        ("starts_at", "timestamp not null"),
        ("ends_at", "timestamp not null"),
        ("reason", "varchar"),
    ),
    # One row a figure of an edition of the page.
    "claims": (
        ("edition_id", "varchar not null"),
        ("claim_id", "varchar not null"),
        ("value_text", "varchar"),
        ("value_number", "decimal(38, 9)"),
        ("unit", "varchar"),
        ("query", "varchar"),
        ("query_hash", "varchar"),
        ("as_of", "timestamp"),
        ("sources", "varchar"),
        ("owner", "varchar"),
        ("status", "varchar"),
    ),
    # One row an erasure: that it happened and what it took, not whom it concerned.
    "erasures": (
        ("erasure_id", "varchar not null"),
        ("request", "varchar not null"),
        ("rows_deleted", "bigint not null"),
        ("tables", "varchar not null"),
        ("verified", "boolean not null"),
        ("erased_at", "timestamp not null"),
    ),
    # One row an edition of the page.
    "editions": (
        ("edition_id", "varchar not null"),
        ("as_of", "timestamp not null"),
        ("content_hash", "varchar not null"),
        ("created_at", "timestamp not null"),
    ),
    # One row a mark that a person set on a discrepancy; the last one of each holds.
    "drift_marks": (
        ("discrepancy_id", "varchar not null"),
        ("detector", "varchar not null"),
        ("entity_id", "varchar not null"),
        ("kind", "varchar not null"),
        ("mark_number", "bigint not null"),
        ("mark", "varchar not null"),
        ("reason", "varchar not null"),
        ("marked_by", "varchar"),
        ("marked_at", "timestamp not null"),
    ),
    # One row a load and model that keeps states: what the model has judged, and by which rules.
    "judged_loads": (
        ("model", "varchar not null"),
        ("rule_version", "varchar not null"),
        ("load_id", "varchar not null"),
    ),
}

BETWEEN_RUNS = ("incidents", "alert_notices", "alert_mutes", "drift_marks")
"""Tables that alerts and people write between runs, beside models of whatever state."""


def ops_columns(table: str) -> tuple[str, ...]:
    """Return the column names of `ops.<table>`; KeyError names the known tables."""
    if table not in OPS_TABLES:
        raise KeyError(f"no table ops.{table}; known: {', '.join(OPS_TABLES)}")
    return tuple(name for name, _ in OPS_TABLES[table])


def ops_ddl() -> list[str]:
    """Return one `create table if not exists` a table of the ops schema, in their order."""
    return [
        f"create table if not exists ops.{table} ("
        + ", ".join(f"{name} {kind}" for name, kind in columns)
        + ")"
        for table, columns in OPS_TABLES.items()
    ]
