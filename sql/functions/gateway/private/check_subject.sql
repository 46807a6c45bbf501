-- Refuses (SY415) a client that belongs to another subject than that of the token.
create or replace function ampsync_private.check_subject(
  p_client ampsync_private.client,
  p_token  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_client.subject is distinct from p_token ->> 'sub' then
    raise exception using
      errcode = 'SY415',
      message = format('client %s belongs to another subject', p_client.client_id),
      detail  = 'A client keeps the subject of its first token: what it holds is for that one.',
      hint    = 'await client.reset({ discardPending: true });';
  end if;
end;
$$;

comment on function ampsync_private.check_subject(ampsync_private.client, jsonb)
  is 'Refuse a client that belongs to another subject than that of the token.';
