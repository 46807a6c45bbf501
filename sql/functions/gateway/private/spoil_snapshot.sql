-- A snapshot that was ready cannot be loaded any more: the next client that asks gets another one. Of several that
-- see it one does it.
create or replace function ampsync_private.spoil_snapshot(
  p_snapshot_id uuid,
  p_reason      text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.snapshot s
     set state = 'failed', used_at = '-infinity', error = jsonb_build_object('message', p_reason)
   where s.snapshot_id in (select o.snapshot_id
                             from ampsync_private.snapshot o
                            where o.snapshot_id = p_snapshot_id
                              and o.state = 'ready'
                              for update skip locked);
end;
$$;

comment on function ampsync_private.spoil_snapshot(uuid, text)
  is 'Mark a snapshot that was ready as one that cannot be loaded any more.';
