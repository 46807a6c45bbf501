-- Which blocks of tables with shapes may differ since a position: by table, ranges that are merged where they touch, as
-- [["100", "101"], ["105", null]]; null: everything from there on.
--
-- In PL/pgSQL, which keeps plans.
create or replace function ampsync_private.dirty_blocks(
  p_after bigint
)
  returns table (published_id integer, ranges jsonb)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    with dirty as (
      select b.published_id, b.first_block as first, coalesce(b.last_block, 9223372036854775807) as last
        from ampsync_private.change_block b
       where b.position > p_after
         and exists (select from ampsync_private.shape s where s.published_id = b.published_id)
    ), seen as (
      select d.*, max(d.last) over (partition by d.published_id order by d.first, d.last
                                    rows between unbounded preceding and 1 preceding) as reached
        from dirty d
    ), placed as (
      select s.*, count(*) filter (where s.reached is null or s.first - 1 > s.reached)
                    over (partition by s.published_id order by s.first, s.last) as island
        from seen s
    ), merged as (
      select p.published_id, min(p.first) as first, nullif(max(p.last), 9223372036854775807) as last
        from placed p
       group by p.published_id, p.island
    )
    select m.published_id, jsonb_agg(jsonb_build_array(m.first::text, m.last::text) order by m.first)
      from merged m
     group by m.published_id;
end;
$$;

comment on function ampsync_private.dirty_blocks(bigint)
  is 'Which blocks of tables with shapes may differ since a position, merged.';
