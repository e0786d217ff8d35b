"""Raw tables of Jira, of the authored knowledge graph and of the ticket classes."""

from __future__ import annotations

from orchestration.sources.contract_types import (
    CREATED,
    Column,
    RawTable,
    boolean,
    integer,
    key,
    payload,
    text,
    time,
)

JIRA = (
    RawTable(
        source="jira",
        name="issues",
        entities="issues",
        primary_key="issue_id",
        columns=(
            key("issue_id", "id"),
            text("issue_key", "key", required=True),
            text("project_key", "fields.project.key", required=True),
            text("issue_type", "fields.issuetype.name", required=True),
            text("status", "fields.status.name", required=True),
            text("status_category", "fields.status.statusCategory.key"),
            text("priority", "fields.priority.name"),
            Column("summary", "string", nullable=False, pii="redact_text", path="fields.summary"),
            Column("description_text", "string", pii="redact_text"),
            Column("labels", "string_array", path="fields.labels"),
            Column("components", "string_array"),
            text("reporter_role", "fields.customfield_10050.value"),
            time("escalated_at", "fields.customfield_10051"),
            integer("support_case_count", "fields.customfield_10052"),
            time("created_at", "fields.created", required=True),
            time("updated_at", "fields.updated", required=True),
            time("resolved_at", "fields.resolutiondate"),
            payload(),
        ),
        cursor="updated_at",
        source_relation="/rest/api/3/search/jql",
        redacted_paths=("fields.reporter", "fields.assignee", "fields.creator"),
    ),
    RawTable(
        source="jira",
        name="changelog_items",
        entities="changelog_items",
        primary_key="changelog_item_id",
        columns=(
            key("changelog_item_id"),
            text("issue_id", required=True),
            Column("author_id", "string", pii="hash"),
            text("field", required=True),
            Column("from_value", "string", pii="redact_text"),
            Column("to_value", "string", pii="redact_text"),
            CREATED,
        ),
        source_relation="/rest/api/3/changelog/bulkfetch",
        append_only=True,
    ),
)

KNOWLEDGE = (
    RawTable(
        source="knowledge",
        name="nodes",
        entities="nodes",
        primary_key="node_id",
        columns=(
            key("node_id"),
            text("kind", required=True),
            text("domain", required=True),
            text("title", required=True),
            text("statement"),
            text("metric_id"),
            text("claim_query"),
            text("code_reference"),
            boolean("is_simulated"),
            text("definition_hash", required=True),
            text("file", required=True),
            integer("line", required=True),
        ),
        source_relation="orchestration/knowledge/graph",
    ),
    RawTable(
        source="knowledge",
        name="edges",
        entities="edges",
        primary_key="edge_id",
        columns=(
            key("edge_id"),
            text("from_node_id", required=True),
            text("relation", required=True),
            text("to_node_id", required=True),
            boolean("is_simulated"),
            text("file", required=True),
            integer("line", required=True),
        ),
        source_relation="orchestration/knowledge/graph",
    ),
)

# What the classifier says of each landed ticket; the text it read is named by hash.
TICKETS = (
    RawTable(
        source="tickets",
        name="classifications",
        entities="classifications",
        primary_key="issue_id",
        columns=(
            key("issue_id"),
            text("issue_key", required=True),
            text("category", required=True),
            text("rule"),
            Column("matched_text", "string", pii="redact_text"),
            Column("confidence", "numeric", nullable=False),
            boolean("is_sure"),
            boolean("is_engineering_blocked"),
            text("blocked_reason"),
            text("content_hash", required=True),
            text("rules_version", required=True),
        ),
        source_relation="raw.jira__issues",
    ),
)
