-- grain: one row an observed UTC day and dimension
{{ config(materialized='table') }}
{{ drift_metric('bad_debt_inconsistent_accounts', 'triple_store') }}
