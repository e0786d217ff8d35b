"""Dagster's view of the warehouse: thin shells around the parts that do the work.

Belongs here: asset keys, lineage, what a run records in Dagster. Does not: reading a
source, SQL, rules of a metric. Nothing outside `orchestration` imports this package.
"""
