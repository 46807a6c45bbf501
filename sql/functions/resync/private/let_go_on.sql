-- Lets a stream that stood still for a resync follow the chain again, from its checkpoint.
--
-- Idempotent. Locks: stream row.
create or replace function ampsync_private.let_go_on(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.stream s
     set state = 'retrying', since = ampsync_private.now()
   where s.stream_id = p_stream_id
     and s.state = 'resyncing';
  if found then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.let_go_on(bigint)
  is 'Let a stream that stood still for a resync follow the chain again.';
