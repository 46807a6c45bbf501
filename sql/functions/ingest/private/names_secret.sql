-- Whether a name says that what it has is a secret: it ends in key, token, secret, password or
-- signature, whatever its case and the characters between.
create or replace function ampsync_private.names_secret(
  p_name text
)
  returns boolean
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select regexp_replace(lower(p_name), '[^a-z0-9]', '', 'g') ~ '(key|token|secret|password|signature)$';
$$;

comment on function ampsync_private.names_secret(text)
  is 'Whether a name says that what it has is a secret.';
