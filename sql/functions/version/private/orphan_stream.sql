-- Stops a stream whose table the version that its dataset follows does not have. It keeps the
-- version that its rows come from. No effect on one that is stopped for that reason already.
--
-- p_version  the version without the table
--
-- Locks: stream row.
create or replace function ampsync_private.orphan_stream(
  p_stream_id bigint,
  p_version   text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  update ampsync_private.stream s
     set state = 'orphaned', since = ampsync_private.now(), attempts = 0, next_retry = null,
         in_cut = false, -- If it goes on one day, the cut does not wait for it.
         error = jsonb_build_object(
           'code', 'SY103',
           'message', format('version %s has no table %s', p_version, s.table_name),
           'detail', 'Its rows are kept. Its stream goes on once a later version has the table.',
           'hint', 'select * from ampsync.version_history;')
   where s.stream_id = p_stream_id
     and s.state <> 'orphaned'
  returning * into v_stream;
  if found then
    perform ampsync_private.journal(p_stream_id, 'table_orphaned', jsonb_build_object(
              'version', p_version, 'block', v_stream.checkpoint_block));
  end if;
end;
$$;

comment on function ampsync_private.orphan_stream(bigint, text)
  is 'Stop a stream whose table the version of its dataset does not have.';
