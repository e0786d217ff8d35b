-- grain: one row a stream of the contract, also one that was never loaded
-- The contract reaches dbt as the source `raw`. Where no metric says its window, a stream is read
-- daily and has two hours of grace; a list that is swept waits for its sweep before that.
with streams as (
    {% for table in graph.sources.values() | selectattr('source_name', 'equalto', 'raw') | sort(attribute='name') %}
    select
        '{{ table.name.replace('__', '.', 1) }}' as stream,
        '{{ table.name.split('__')[0] }}' as source,
        cast({{ 26 + 24 * table.config.meta.get('sweep_days', 0) }} as bigint) as default_window_hours,
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from streams
