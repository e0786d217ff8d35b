"""Alerts: from the status of metrics to incidents, and from incidents to people.

Belongs here: policy (pure), delivery, and the evaluation that joins them to the warehouse.
Does not: how a status comes about (dbt) or what a check asserts (`expectations`).
"""
