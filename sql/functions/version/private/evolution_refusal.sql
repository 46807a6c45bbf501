-- Why the target of a stream cannot be made to fit the planned columns, as one text with all
-- reasons, and the statements that cure it, without the one that lets the stream go on. `fault`
-- is null if plan_evolution refuses nothing; `remedy` is null if only a resync helps, because
-- the rows that are there have to be loaded again.
create or replace function ampsync_private.evolution_refusal(
  p_stream_id     bigint,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_network       text default null
)
  returns table (fault text, remedy text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with refused as (
    select e.refusal, e.remedy, e.ordinality as n,
           e.column_name || case when e.old_type <> e.new_type
                                 then format(' %s -> %s', e.old_type, e.new_type) else '' end as what
      from ampsync_private.plan_evolution(p_stream_id, p_has_block_num, p_columns, p_network)
           with ordinality e(action, column_name, old_type, new_type, ddl, refusal, remedy)
     where e.action = 'refuse'
  ),
  reason as (
    select min(r.n) as n, concat_ws(': ', r.refusal, string_agg(r.what, ', ' order by r.n)) as text
      from refused r
     group by r.refusal
  )
  select (select string_agg(r.text, '; ' order by r.n) from reason r),
         (select case when bool_and(r.remedy is not null) then string_agg(r.remedy, '' order by r.n) end
            from refused r);
$$;

comment on function ampsync_private.evolution_refusal(bigint, boolean, jsonb, text)
  is 'Why a stream''s target cannot be made to fit the planned columns, and the statements that cure it.';
