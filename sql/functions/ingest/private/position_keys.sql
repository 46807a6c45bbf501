-- What the stored position of a source is made with: if it changes, the position means nothing.
create or replace function ampsync_private.position_keys(
  p_source jsonb
)
  returns jsonb
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('url', f -> 'url', 'pages', f -> 'pages', 'records', f -> 'records',
                            'range', nullif(f -> 'range', 'null') - '{lookback_us,lag_us}'::text[])
    from (select ampsync_private.full_source(p_source)) s (f);
$$;

comment on function ampsync_private.position_keys(jsonb)
  is 'What the stored position of a source is made with.';
