-- What a source could be called that is read beside another one, and its table, for statements in hints: names
-- that nobody has.
create or replace function ampsync_private.source_beside(
  in  p_dataset    ampsync_private.dataset,
  in  p_stream     ampsync_private.stream,
  out label        text,
  out target_table text
)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select left(p_dataset.label, -length(p_dataset.name)) || c.name, c.target_table
    from generate_series(1, 1000) n(n)
   cross join lateral (select ampsync_private.cut_name(p_dataset.name, 58) || '_' || n.n as name,
                              ampsync_private.cut_name(p_stream.target_table, 58) || '_' || n.n as target_table) c
   where to_regclass(format('%I.%I', p_stream.target_schema, c.target_table)) is null
     and not exists (select 1
                       from ampsync_private.stream s -- Perhaps without its table yet.
                      where (s.target_schema, s.target_table) = (p_stream.target_schema, c.target_table))
     and not exists (select 1
                       from ampsync_private.dataset d
                      where (d.namespace, d.name) = (p_dataset.namespace, c.name))
   order by n.n
   limit 1;
$$;

comment on function ampsync_private.source_beside(ampsync_private.dataset, ampsync_private.stream)
  is 'What a source could be called that is read beside another one, and its table.';
