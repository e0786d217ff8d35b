-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
{{ drift_metric('stripe_drift_accounts', 'stripe') }}
