-- The position of the log at a time, or a position or time as text. SY406 for a time that is still to come.
create or replace function ampsync_private.history_position(
  p_at   timestamptz,
  p_text text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_at timestamptz;
begin
  if p_text ~ '^ *[0-9]+ *$' then
    return p_text::bigint;
  end if;
  v_at := coalesce(p_at, p_text::timestamptz);
  if v_at is null then
    perform ampsync_private.raise_not_in_history(
              'a time or a position of the log is needed', 'Given was null.',
              'select ampsync.head(); -- The newest position.');
  elsif v_at > ampsync_private.now() then
    perform ampsync_private.raise_not_in_history(
              format('the time %s is still to come', v_at), 'The log knows what was.',
              'select ampsync.head(); -- The newest position.');
  end if;
  return ampsync.position_at(v_at);
end;
$$;

comment on function ampsync_private.history_position(timestamptz, text)
  is 'The position of the log at a time that is past, or what a text means.';
