-- Whether the definition of a source declares windows of a bucket.
create or replace function ampsync_private.is_declared(
  p_bucket text
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select 1
      from ampsync_private.dataset d
     cross join lateral (select ampsync_private.full_rate_limit(d.definition) offset 0) l (value)
     where d.kind = 'http'
       and l.value ->> 'bucket' = p_bucket
       and l.value -> 'windows' <> '[]');
$$;

comment on function ampsync_private.is_declared(text)
  is 'Whether a definition declares windows of a bucket.';
