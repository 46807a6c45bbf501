-- A snapshot as ensure_snapshot returns it.
create or replace function ampsync_private.snapshot_report(
  p_snapshot ampsync_private.snapshot
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
           'key', p_snapshot.key, 'small', false, 'snapshot', p_snapshot.snapshot_id, 'state', p_snapshot.state,
           'error', p_snapshot.error, 'definition', p_snapshot.definition, 'form', p_snapshot.form,
           'epoch', p_snapshot.epoch, 'position', p_snapshot.position::text, 'stamp', p_snapshot.stamp::text,
           'settled', p_snapshot.settled::text, 'since', p_snapshot.since::text,
           'visible', p_snapshot.visible::text, 'rows', p_snapshot.rows::text, 'bytes', p_snapshot.bytes::text,
           'checksum', p_snapshot.checksum)
         || case when p_snapshot.state = 'ready' then jsonb_build_object('chunks', (
              select coalesce(jsonb_agg(jsonb_build_object('n', c.n, 'rows', c.rows, 'bytes', c.bytes,
                                                           'xxh64', c.xxh64) order by c.n), '[]')
                from ampsync_private.snapshot_chunk c
               where c.snapshot_id = p_snapshot.snapshot_id)) else '{}' end;
$$;

comment on function ampsync_private.snapshot_report(ampsync_private.snapshot)
  is 'A snapshot as gateways read it.';
