-- Requests repairs of all that ampsync.verify finds in a dataset, or in one of its tables, and
-- returns what becomes of each range: see ampsync.repair. Ranges that touch are one repair. A repair
-- that is waiting already is left as it is.
--
-- Locks: the targets (access share), stream rows (key share) and repair rows, table by table.
create or replace function ampsync_private.repair_found(
  p_dataset_id   bigint,
  p_dataset      text,
  p_table_name   text,
  p_accept_fewer boolean
)
  returns table (table_name text, from_block bigint, to_block bigint, state text, hint text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_range record;
begin
  for v_range in
    with damage as (
      select s.stream_id, v.table_name, v.first_block, v.last_block, v.hint,
             ampsync_private.repairable(s.stream_id, v.finding, v.first_block, v.last_block) as blocks
        from ampsync.verify(p_dataset, p_table_name) v
        join ampsync_private.stream s
          on s.dataset_id = p_dataset_id and s.table_name = v.table_name and s.shadow_of is null
    )
    select d.stream_id, d.table_name, lower(b.blocks) as from_block, upper(b.blocks) - 1 as to_block,
           null::text as hint
      from (select i.stream_id, i.table_name, range_agg(i.blocks) as blocks
              from damage i
             where i.blocks is not null
             group by i.stream_id, i.table_name) d
     cross join lateral unnest(d.blocks) b(blocks)
     union all
    select d.stream_id, d.table_name, d.first_block, d.last_block, d.hint
      from damage d
     where d.blocks is null
     order by table_name, from_block
  loop
    table_name := v_range.table_name;
    from_block := v_range.from_block;
    to_block := v_range.to_block;
    hint := v_range.hint;
    perform 1
       from ampsync_private.stream s
      where s.stream_id = v_range.stream_id
        for key share;
    if not found then
      continue; -- Dropped meanwhile.
    elsif hint is not null then
      state := 'refused';
    elsif exists (select 1
                    from ampsync_private.repair r
                   where r.stream_id = v_range.stream_id
                     and r.first_block <= v_range.from_block
                     and r.last_block >= v_range.to_block
                     and r.accept_fewer >= p_accept_fewer) then
      state := 'waiting';
    else
      perform ampsync_private.request_repair(v_range.stream_id, from_block, to_block, p_accept_fewer);
      state := 'queued';
    end if;
    return next;
  end loop;
end;
$$;

comment on function ampsync_private.repair_found(bigint, text, text, boolean)
  is 'Request repairs of all that verify finds in a dataset; returns what becomes of each range.';
