-- The statement that gives up what is built beside a stream: its resync, or the upgrade of its
-- dataset.
create or replace function ampsync_private.cancel_hint(
  p_stream_id bigint
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select case when exists (select 1
                             from ampsync_private.upgrade u
                            where u.dataset_id = s.dataset_id)
              then format('select ampsync.cancel_resync(%L);', d.label)
              else format('select ampsync.cancel_resync(%L, %L);', d.label, s.table_name) end
    from ampsync_private.stream s
    join ampsync_private.dataset d using (dataset_id)
   where s.stream_id = p_stream_id;
$$;

comment on function ampsync_private.cancel_hint(bigint)
  is 'The statement that gives up the resync of a stream, or the upgrade of its dataset.';
