-- The definition of an HTTP source with every default filled in and every shorthand written out, so
-- that nobody else has to know one. For a definition that check_source lets pass:
--
--   url, query, headers, body (null: GET), auth (full_auth)
--   pages (full_pages), records, key, columns (full_columns), on_conflict, schema
--   range (full_range, null without), every_ms (null: once), append_only
--   rate_limit (full_rate_limit), concurrency (full_concurrency)
--   expires {after_ms, status, match}, total, error, timeout_s
--
-- docs/http.md says what each means. It and what it calls is PL/pgSQL, whose plans are kept: every commit asks.
create or replace function ampsync_private.full_source(
  p_source jsonb
)
  returns jsonb
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select jsonb_build_object(
             'url', p_source -> 'url',
             'query', coalesce(p_source -> 'query', '{}'),
             'headers', coalesce(p_source -> 'headers', '{}'),
             'body', p_source -> 'body',
             'auth', ampsync_private.full_auth(p_source),
             'pages', ampsync_private.full_pages(p_source),
             'records', coalesce(p_source ->> 'records', ''),
             'key', p_source -> 'key',
             'columns', ampsync_private.full_columns(p_source),
             'on_conflict', coalesce(p_source -> 'on_conflict', '"ignore"'),
             'schema', coalesce(p_source ->> 'schema', 'freeze'),
             'range', ampsync_private.full_range(p_source),
             'every_ms', ampsync_private.interval_us(p_source -> 'every') / 1000,
             'append_only', coalesce((p_source -> 'append_only')::boolean, false),
             'rate_limit', ampsync_private.full_rate_limit(p_source),
             'concurrency', ampsync_private.full_concurrency(p_source),
             'expires', jsonb_build_object(
               'after_ms', ampsync_private.interval_us(p_source #> '{expires,after}') / 1000,
               'status', coalesce(p_source #> '{expires,status}', '[410]'),
               'match', ampsync_private.as_list(p_source #> '{expires,match}')),
             'total', p_source -> 'total',
             'error', p_source -> 'error',
             'timeout_s', coalesce((p_source -> 'timeout')::numeric, 10)));
end;
$$;

comment on function ampsync_private.full_source(jsonb)
  is 'The definition of an HTTP source with every default filled in and every shorthand written out.';
