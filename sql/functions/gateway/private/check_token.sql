-- Refuses (SY105) a token that was given before its subject was revoked: {"sub", "iat": seconds, …}. Of the two times
-- that of the token is in whole seconds, so one of the same second is refused, too.
create or replace function ampsync_private.check_token(
  p_token jsonb
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
begin
  if p_token ->> 'sub' is null then
    raise exception using
      errcode = 'SY105',
      message = 'the token names no subject',
      detail  = 'Its claim "sub" is missing.',
      hint    = 'Sign in anew.';
  end if;
  v_at := ampsync_private.revoked_at(p_token ->> 'sub', p_token -> 'iat');
  if v_at is not null then
    raise exception using
      errcode = 'SY105',
      message = 'the token was revoked',
      detail  = format('All tokens of its subject that were given until %s are refused.',
                       ampsync_private.utc_text(v_at)),
      hint    = 'Sign in anew.';
  end if;
end;
$$;

comment on function ampsync_private.check_token(jsonb)
  is 'Refuse a token that was given before its subject was revoked.';
