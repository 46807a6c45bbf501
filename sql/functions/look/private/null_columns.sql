-- Columns noted as not null in which rows of these transactions, which are in `change`, hold a NULL:
-- {"<tx_id>": {"<published_id>": [name]}}.
--
-- p_after  rows from behind this place on; those before were asked about already, as with a large transaction
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.null_columns(
  p_tx_ids bigint[],
  p_after  integer default -1
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with demanding as (
      select p.published_id, array_agg(c.col ->> 'name') as names,
             array_agg(jsonb_build_object(c.col ->> 'name', null)) as nulls
        from ampsync_private.published p
       cross join jsonb_array_elements(p.columns) c(col)
       where p.mode = 'rows'
         and (c.col ->> 'not_null')::boolean
         and c.col ->> 'generated' is null
       group by p.published_id
    ),
    suspect as materialized ( -- Nearly none: names are looked for in these alone.
      select c.tx_id, c.published_id, c.data, d.names
        from (select n.tx_id, n.published_id, n.data
                from ampsync_private.change n
               where n.tx_id = any (p_tx_ids)
                 and n.seq > p_after
                 and n.operation in ('insert', 'update')
              offset 0) c -- By their place: by their table all rows that it ever had in the log would be read.
        join demanding d using (published_id)
       where not jsonb_strip_nulls(c.data) ?& d.names
         and c.data @> any (d.nulls)
    ),
    tables as (
      select s.tx_id, s.published_id, jsonb_agg(distinct n.name) as names
        from suspect s
       cross join lateral unnest(s.names) n(name)
       where s.data -> n.name = 'null'
       group by s.tx_id, s.published_id
    ),
    transactions as (
      select t.tx_id, jsonb_object_agg(t.published_id::text, t.names) as tables
        from tables t
       group by t.tx_id
    )
    select coalesce(jsonb_object_agg(x.tx_id::text, x.tables), '{}')
      from transactions x);
end;
$$;

comment on function ampsync_private.null_columns(bigint[], integer)
  is 'Columns noted as not null in which rows of captured transactions hold a NULL.';
