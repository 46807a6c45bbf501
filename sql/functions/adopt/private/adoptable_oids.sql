-- What adoptable says, by OIDs instead of names, as [{"stream_id", "target", "old"}].
create or replace function ampsync_private.adoptable_oids(
  p_dataset_id    bigint,
  p_target_schema text
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('stream_id', a.stream_id, 'target', a.target::oid, 'old', a.old::oid)
                            order by a.stream_id), '[]')
    from ampsync_private.adoptable(p_dataset_id, p_target_schema) a;
$$;

comment on function ampsync_private.adoptable_oids(bigint, text)
  is 'The tables that ampsync.adopt would exchange, by OIDs.';
