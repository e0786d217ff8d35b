-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
{{ drift_metric('entitlement_drift_accounts', 'entitlement') }}
