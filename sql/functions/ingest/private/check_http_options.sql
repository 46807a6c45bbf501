-- Rejects an invalid argument of ampsync.enqueue_http, beside the definition, before anything is stored.
create or replace function ampsync_private.check_http_options(
  p_dataset      text,
  p_revision     text,
  p_source       jsonb,
  p_value_policy text,
  p_nul_policy   text
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_policy record;
begin
  if p_revision is not null then
    raise exception using
      errcode = 'SY004',
      message = format('%s names a version, which an HTTP source does not have', p_dataset),
      detail  = format('Found: %s.', p_revision),
      hint    = ampsync_private.http_statement(split_part(p_dataset, '@', 1), p_source);
  end if;
  if jsonb_typeof(p_source) <> 'object' then
    perform ampsync_private.check_source(p_dataset, p_source);
  end if;

  for v_policy in
    select o.name, o.value, o.allowed
      from (values ('value_policy', p_value_policy, '{fail,"null",quarantine}'::text[]),
                   ('nul_policy', p_nul_policy, '{replace,strip,fail}')) o(name, value, allowed)
     where o.value <> all (o.allowed)
  loop
    raise exception using
      errcode = 'SY004',
      message = format('%s => %L is not a policy', v_policy.name, v_policy.value),
      detail  = format('One of: %s.', array_to_string(v_policy.allowed, ', ')),
      hint    = ampsync_private.http_statement(p_dataset, p_source,
                  format('%s => %L', v_policy.name, v_policy.allowed[1]));
  end loop;
end;
$$;

comment on function ampsync_private.check_http_options(text, text, jsonb, text, text)
  is 'Raise SY004 for an invalid argument of ampsync.enqueue_http.';
