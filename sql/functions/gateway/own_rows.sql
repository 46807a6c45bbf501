-- What the author of transactions of clients needs of them in place of whole rows: for each of these entries of the log
-- and each of these shapes, rows that the client sent once, as an insert or an update, and that were only inserted or
-- updated by it. Every other row that such a transaction changed comes to its author as it comes to everybody. So does
-- one of which the log lacks a column that was sent, and any once the ledger has forgotten what was.
--
-- set  a JSON object of texts: each column sent or changed whose value after the transaction is not the one sent, as
--      where a trigger kept the old one
--
-- Once is counted in what was sent, not in the log: a trigger may have changed the row once more.
create or replace function ampsync_worker.own_rows(
  p_shapes    integer[],
  p_positions bigint[]
)
  returns table ("position" bigint, shape_id integer, key text, "set" text)
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
#variable_conflict use_column
begin
  return query
    with entry as (
      select t.position, t.tx_id,
             case jsonb_typeof(l.sent) when 'array' then l.sent else l.sent -> 'changes' end as sent
        from ampsync_private.change_tx t
        join ampsync_private.client_tx l on l.client_id = t.client_id and l.tx = t.client_tx
       where t.position = any (p_positions)
         and t.kind = 'rows'
         and l.sent is not null
    ), shape as (
      select s.shape_id, s.columns, p.published_id, format('%I.%I', p.schema_name, p.table_name) as table_name,
             p.columns as table_columns
        from ampsync_private.shape s
        join ampsync_private.published p using (published_id)
       where s.shape_id = any (p_shapes)
    ), sent as (
      select e.position, e.tx_id, s.shape_id, s.columns, s.published_id, k.key,
             min(c.change ->> 'op') as operation,
             -- There is one: the aggregate only names it.
             (array_agg(c.change))[1] as change
        from entry e
       cross join lateral jsonb_array_elements(e.sent) c(change)
        join shape s on s.table_name = c.change ->> 'table'
       cross join lateral (
         select jsonb_agg(c.change -> 'key' -> (t.col ->> 'name') order by t.n) as key
           from jsonb_array_elements(s.table_columns) with ordinality t(col, n)
          where (t.col ->> 'key')::boolean) k
       group by e.position, e.tx_id, s.shape_id, s.columns, s.published_id, k.key
      having count(*) = 1
         and min(c.change ->> 'op') in ('insert', 'update')
    ), changed as (
      -- All of the transaction, once: a key is not found by the index, which has its spelling.
      select x.tx_id, r.published_id, r.key, array_agg(r.operation order by r.seq) as operations,
             (array_agg(r.old_data order by r.seq))[1] as old_data,
             array_agg(r.data order by r.seq) as versions
        from (select distinct s.tx_id from sent s) x
        join ampsync_private.change r on r.tx_id = x.tx_id
       where r.key is not null
       group by x.tx_id, r.published_id, r.key
    )
    select s.position, s.shape_id, c.key, coalesce(d.differing, '{}')::text
      from sent s
      join changed c on c.tx_id = s.tx_id and c.published_id = s.published_id and c.key::jsonb = s.key
     cross join lateral (
       select jsonb_object_agg(v.name, v.value order by n.n) as data
         from unnest(c.versions) with ordinality n(version, n)
        cross join lateral jsonb_each(n.version) v(name, value)) w
     cross join lateral (
       select case s.operation when 'insert' then coalesce(s.change -> 'key', '{}') else '{}' end
              || coalesce(nullif(s.change -> 'patch', 'null'), '{}') as patch) p
      left join lateral (
        select jsonb_object_agg(v.name, v.value) as differing
          from jsonb_each(w.data) v(name, value)
         where (s.columns is null or v.name = any (s.columns))
           and (s.operation = 'insert' or p.patch ? v.name or c.old_data -> v.name is distinct from v.value)
           and p.patch -> v.name is distinct from v.value) d on true
     where c.operations[1] = s.operation
       and 'update' = all (c.operations[2:])
       and w.data ?& array(select jsonb_object_keys(p.patch));
end;
$$;

comment on function ampsync_worker.own_rows(integer[], bigint[])
  is 'Of transactions of clients the rows that their author has but for some columns, and these columns.';
