"""Checks on metrics and raw tables: suites from the catalogue and the contract, run by GX.

Belongs here: what is checked, the run, its results. Does not: what to do about a result
(alerts) or how a page shows it (dashboards).
"""
