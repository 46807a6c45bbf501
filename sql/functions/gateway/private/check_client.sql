-- Refuses (SY004) a client that does not exist.
create or replace function ampsync_private.check_client(
  p_client_id uuid,
  p_exists    boolean
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not coalesce(p_exists, false) then
    raise exception using
      errcode = 'SY004',
      message = format('there is no client %s', coalesce(p_client_id::text, 'null')),
      detail  = 'A client is known from the first time that it connects.',
      hint    = 'select client_id, subject, agent from ampsync.clients;';
  end if;
end;
$$;

comment on function ampsync_private.check_client(uuid, boolean)
  is 'Refuse a client that does not exist.';
