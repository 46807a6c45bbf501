-- Makes sure that a name is an Amp dataset or an HTTP source, never both (SY003), whatever the version.
-- For one that is not synced yet it holds an advisory lock on the name until the transaction ends,
-- so that no two calls make it both.
--
-- p_hint: what the caller of a door may call instead.
--
-- Locks: advisory lock on the name, 5 s at most, where it is new.
create or replace function ampsync_private.claim_name(
  p_namespace text,
  p_name      text,
  p_kind      text,
  p_hint      text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_other text;
begin
  if not exists (select 1
                   from ampsync_private.dataset d
                  where (d.namespace, d.name) = (p_namespace, p_name)) then
    perform pg_advisory_xact_lock(hashtextextended(format('ampsync.name:%s/%s', p_namespace, p_name), 0));
  end if;
  select d.label into v_other
    from ampsync_private.dataset d
   where (d.namespace, d.name) = (p_namespace, p_name)
     and d.kind <> p_kind
   limit 1;
  if found then
    raise exception using
      errcode = 'SY003',
      message = format('%s is synced as %s', v_other,
                       case p_kind when 'http' then 'an Amp dataset' else 'an HTTP source' end),
      detail  = 'A name is an Amp dataset or an HTTP source, never both.',
      hint    = p_hint;
  end if;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('another transaction is beginning a sync of the name %s', p_name),
      detail  = 'Nothing was changed.',
      hint    = 'Try again once that transaction is over.';
end;
$$;

comment on function ampsync_private.claim_name(text, text, text, text)
  is 'Make sure that a name is an Amp dataset or an HTTP source, never both.';
