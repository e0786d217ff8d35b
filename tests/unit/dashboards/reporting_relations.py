"""The relations of the reporting layer as the pages' small warehouse has them. No row here."""

from __future__ import annotations

DDL = """
create table rpt_metric_status(metric_id varchar, title varchar, definition varchar, unit varchar,
  owner varchar, workstream varchar, value decimal(38,6), value_date date, as_of timestamp,
  evidence varchar, freshness varchar, age_hours double, stale_by_hours double,
  oldest_source varchar, streams varchar, level varchar, check_verdict varchar,
  warning decimal(38,6), critical decimal(38,6), target decimal(38,6), direction varchar,
  trend_mean_7d decimal(38,6), first_mean_7d decimal(38,6), change_ratio decimal(38,6),
  first_date date, threshold_date date, threshold_reason varchar, freshness_window_hours bigint);
create table rpt_metric_series(metric_id varchar, observation_date date, value decimal(38,6),
  as_of timestamp);
create table rpt_stream_status(stream varchar, source varchar, as_of timestamp, age_hours double,
  last_attempt_at timestamp, last_status varchar, last_error varchar,
  fresh_until timestamp, is_stale boolean);
create table rpt_drift_daily(detector varchar, observation_date date, kind varchar,
  open_count bigint, new_count bigint, resolved_count bigint);
create table rpt_drift_exclusions(detector varchar, observation_date date, entity_id varchar,
  account_id varchar, would_be_kind varchar, reason varchar);
create table rpt_triple_store(combination varchar, accounts bigint, is_consistent boolean);
create table rpt_bad_debt(observation_date date, stock bigint, entries bigint, exits bigint);
create table rpt_tickets_weekly(iso_week varchar, week_start_date date, category varchar,
  tickets bigint, engineering_blocked bigint, engineering_blocked_percent decimal(38,9),
  change bigint, tickets_low bigint, tickets_high bigint, support_cases bigint);
create table rpt_pattern_weeks(pattern_id varchar, iso_week varchar, tickets bigint,
  change bigint, state varchar);
create table rpt_ticket_candidates(candidate_id varchar, category varchar, tickets bigint,
  last_week varchar);
create table rpt_ticket_quality(category varchar, tested_tickets bigint,
  correct_tickets bigint, f1 decimal(38,9));
create table rpt_ticket_categories(category varchar, title varchar, workstream varchar,
  link varchar, mechanism varchar, tickets bigint, share_percent decimal(9,4), peak_week varchar,
  peak_tickets bigint, engineering_blocked bigint, engineering_blocked_percent decimal(9,4),
  window_start date, window_end date, tickets_low bigint, tickets_high bigint,
  trend_per_week decimal(38,9), trend_low decimal(38,9), trend_high decimal(38,9),
  trend_direction varchar);
create table rpt_graph_honesty(kind varchar, status varchar, nodes bigint);
create table rpt_graph_status(node_id varchar, kind varchar, domain varchar, title varchar,
  statement varchar, status varchar, metric_id varchar, proof varchar, is_simulated boolean,
  root_node_id varchar, claim_query varchar, query varchar, unit varchar, tolerance varchar);
create table rpt_graph_blast_radius(node_id varchar, kind varchar, nodes bigint, metrics bigint,
  claims bigint, hypotheses bigint, claims_that_fall bigint, is_simulated boolean);
create table rpt_patterns(pattern_id varchar, category varchar, title varchar,
  description varchar, display_order bigint, state varchar, first_week varchar,
  last_week varchar);
create table rpt_pattern_evidence(pattern_id varchar, iso_week varchar, tickets bigint);
create table rpt_metric_restatements(metric_id varchar, observation_date date,
  dimension varchar, version_number bigint, old_value decimal(38,9), new_value decimal(38,9),
  cause varchar, restated_at timestamp);
create table rpt_graph_debt(debt_rank bigint, node_id varchar, title varchar, statement varchar,
  status varchar, resting_nodes bigint, is_simulated boolean);
create table rpt_hypotheses(node_id varchar, title varchar, statement varchar, status varchar,
  reason varchar, metric_id varchar, mean_before decimal(38,9), mean_after decimal(38,9),
  expected_value decimal(38,9), is_simulated boolean, workstream varchar, shipped_on date,
  window_days bigint);
create table rpt_hypothesis_series(node_id varchar, observation_date date, value decimal(38,9),
  is_after boolean, counterfactual_value decimal(38,9), expected_value decimal(38,9));
create table rpt_drift_days(detector varchar, observation_date date, discrepancy_id varchar,
  kind varchar, state varchar, amount_minor bigint, currency varchar);
create table rpt_glossary_facts(fact_id varchar, value decimal(38,9), unit varchar,
  streams varchar, definition varchar);
create table rpt_checks(check_id varchar, subject_kind varchar, subject varchar, rule varchar,
  expectation varchar, observed varchar, verdict varchar, message varchar, evaluated_at timestamp);
create table rpt_incidents(incident_id varchar, cause_kind varchar, cause varchar,
  severity varchar, state varchar, owner varchar, opened_at timestamp, resolved_at timestamp,
  metrics varchar, message varchar);
create table rpt_platform_facts(fact_id varchar, value decimal(38,6), unit varchar,
  as_of timestamp, definition varchar);
"""
