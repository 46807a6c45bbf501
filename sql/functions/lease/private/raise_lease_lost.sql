-- Raises SY001. The only place that does, so that the message is always the same.
create or replace procedure ampsync_private.raise_lease_lost(
  p_stream_id bigint,
  p_epoch     bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY001',
    message = format('the lease of stream %s is no longer held with epoch %s', p_stream_id, p_epoch),
    detail  = coalesce((select format('Current epoch %s, held by %s.',
                                      l.epoch, coalesce(l.holder || ' until ' || l.lease_until, 'nobody'))
                          from ampsync_private.lease l
                         where l.stream_id = p_stream_id), 'The stream is gone.'),
    hint    = 'Nothing is lost: the new holder continues from the checkpoint.';
end;
$$;

comment on procedure ampsync_private.raise_lease_lost(bigint, bigint)
  is 'Raise SY001: the lease is not current.';
