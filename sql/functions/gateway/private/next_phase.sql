-- The phase that a client comes to, or stays in; SY419 where it cannot. All that sets a phase asks here.
create or replace function ampsync_private.next_phase(
  p_from text,
  p_to   text
)
  returns text
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_from = p_to
     or (p_from, p_to) in (('new', 'loading'), ('loading', 'live'), ('live', 'loading'), ('reset', 'loading'))
     or p_to = 'reset' then
    return p_to;
  end if;
  raise exception using
    errcode = 'SY419',
    message = format('a client does not come from phase %s to %s', coalesce(p_from, 'none'), coalesce(p_to, 'none')),
    detail  = 'new, loading, live; from live to loading again; from any to reset, and from there to loading.',
    hint    = 'select client_id, phase from ampsync.clients;';
end;
$$;

comment on function ampsync_private.next_phase(text, text)
  is 'The phase that a client comes to; SY419 where it cannot.';
