-- Whether two versions are the same: by name, and by the hashes of their manifests where both
-- are known.
create or replace function ampsync_private.same_version(
  p_version       text,
  p_hash          text,
  p_other_version text,
  p_other_hash    text
)
  returns boolean
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(p_version = p_other_version and p_hash = p_other_hash, p_version = p_other_version, false);
$$;

comment on function ampsync_private.same_version(text, text, text, text)
  is 'Whether two versions are the same, by name and hash.';
