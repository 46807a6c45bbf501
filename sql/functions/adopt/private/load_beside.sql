-- A statement that loads a dataset into another schema, if a table of the Rust ampsync has the
-- name of its target; null otherwise. `drop_sync` comes first for a dataset that is
-- stored, because its target_schema cannot be changed.
create or replace function ampsync_private.load_beside(
  p_dataset_id bigint,
  p_table      text
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select concat(
           case when d.resolved_tables is not null or d.attempts > 0
                then format('select ampsync.drop_sync(%L); ', d.label) end,
           format('select ampsync.enqueue_sync(%L%s, target_schema => %L);', d.label,
                  case when d.tables is not null then format(', tables => %L', d.tables) end, c.name))
    from ampsync_private.dataset d
   cross join generate_series(0, 1000) n(n)
   cross join lateral (
     select case n.n when 0 then d.name when 1 then 'data_' || left(d.name, 58)
                     else left(d.name, 58) || '_' || n.n end as name
   ) c
   where d.dataset_id = p_dataset_id
     and ampsync_private.earlier_ampsync(d.target_schema, p_table) is not null
     and c.name <> d.target_schema
     and c.name !~ '^(pg_|ampsync|public$|information_schema$)' -- As check_sync_options.
     and c.name not in (select q.schema_name from ampsync_private.queue q)
     and to_regclass(format('%I.%I', c.name, p_table)) is null
   order by n.n
   limit 1;
$$;

comment on function ampsync_private.load_beside(bigint, text)
  is 'A statement that loads a dataset beside a table of the Rust ampsync.';
