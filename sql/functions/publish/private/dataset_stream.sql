-- The stream of an Amp dataset whose target a table is; null: none, or that of an HTTP source, which
-- is written by key and therefore captured like a table of an application.
create or replace function ampsync_private.dataset_stream(
  p_relation regclass
)
  returns bigint
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select s.stream_id
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.target = p_relation
     and s.shadow_of is null
     and d.kind <> 'http';
$$;

comment on function ampsync_private.dataset_stream(regclass)
  is 'The stream of an Amp dataset whose target a table is.';
