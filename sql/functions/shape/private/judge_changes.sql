-- What the changes of one captured table mean to a shape, for those entries of the log that p_after, p_upto, p_settled
-- and p_visible name (read_shapes): a row for each change that a row was in or is in an instance by, and
-- for each TRUNCATE. An error of the filter ends it.
--
-- Changes are found by their entry. The index that begins with their table has the entry behind a hash: without
-- statistics the planner takes it, and reads all changes of the table for each entry. So the table stands in an
-- expression here.
--
-- p_position, p_first, p_last  changes of one entry alone, from one to another; null: all
create or replace function ampsync_private.judge_changes(
  p_shape    ampsync_private.shape,
  p_table    ampsync_private.published,
  p_after    bigint,
  p_upto     bigint,
  p_settled  bigint,
  p_visible  pg_snapshot,
  p_position bigint default null,
  p_first    integer default null,
  p_last     integer default null
)
  returns table (
    "position" bigint, seq integer, operation text, was text, "is" text, key text, data text, unchanged text[]
  )
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_missing jsonb := case when p_table.relation is not null then ampsync_private.missing_values(p_table.relation)
                     else '{}' end;
  v_uses    jsonb := ampsync_private.column_uses(p_table.columns, ampsync_private.bound_columns(p_shape.bind)
                                                                  || p_shape.filter_columns);
  v_before  text := 'select ' || ampsync_private.instance_key_sql(p_shape.bind) || ' from (';
  v_behind  text := ') x where ' || coalesce(p_shape.filter, 'true');
begin
  return query execute format($sql$
    select t.position, c.seq, c.operation, k.was, k.is, c.key,
           case when k.is is null then null else %s end,
           case when k.is is not null and c.metadata ? 'unchanged'
                  then nullif(array(select u.name
                                      from jsonb_array_elements_text(c.metadata -> 'unchanged') u(name) %s), '{}') end
      from ampsync_private.change_tx t
     cross join lateral (
       select r.seq, r.operation, r.key, r.data, r.old_data, r.metadata
         from ampsync_private.change r
        where r.tx_id = t.tx_id
          and r.published_id + 0 = $1) c
     cross join lateral (
       select case when c.operation in ('update', 'delete') then (%s) end as was,
              case when c.operation in ('insert', 'update') then (%s) end as is) k
     where t.kind = 'rows'
       and t.position <= $3
       %s
       and (k.was is not null or k.is is not null or c.operation = 'truncate')
    $sql$,
    case when p_shape.columns is null then 'c.data::text'
         else format('(select jsonb_object_agg(d.name, d.value)::text from jsonb_each(c.data) d(name, value) '
                     'where d.name = any (%L::text[]))', p_shape.columns::text) end,
    case when p_shape.columns is not null then format('where u.name = any (%L::text[])', p_shape.columns::text) end,
    v_before || ampsync_private.row_values_sql(v_uses, v_missing, 'c.old_data') || v_behind,
    v_before || ampsync_private.row_values_sql(v_uses, v_missing, 'c.data') || v_behind,
    -- Only what is asked: it is planned with each call.
    concat(case when p_after is not null then ' and t.position > $2' end,
           case when p_settled is not null
                  then ' and (t.position > $4 or t.xid >= pg_snapshot_xmin($5) and t.position > $6 '
                       'and not pg_visible_in_snapshot(t.xid, $5))' end,
           case when p_position is not null then ' and t.position = $7 and c.seq between $8 and $9' end))
    using p_table.published_id, p_after, p_upto, p_settled, p_visible, ampsync_private.xid_horizon(), p_position,
          p_first, p_last;
end;
$$;

comment on function ampsync_private.judge_changes(
  ampsync_private.shape, ampsync_private.published, bigint, bigint, bigint, pg_snapshot, bigint, integer, integer
)
  is 'What the changes of one captured table mean to a shape.';
