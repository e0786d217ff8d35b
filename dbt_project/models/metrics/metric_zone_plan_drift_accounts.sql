-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
{{ drift_metric('zone_plan_drift_accounts', 'zone_plan') }}
