-- The rate limit of a source with every option: see full_source. A source that declares no windows
-- shares those that others declare for its bucket.
create or replace function ampsync_private.full_rate_limit(
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
    with declared as (
      select l.value, l.n
        from jsonb_array_elements(ampsync_private.as_list(p_source -> 'rate_limit')) with ordinality l (value, n)
    )
    select jsonb_build_object(
             'bucket', coalesce((select d.value ->> 'bucket' from declared d where d.value ? 'bucket' limit 1),
                                ampsync_private.url_host(p_source ->> 'url')),
             'windows', coalesce((select jsonb_agg(jsonb_build_object('requests', w.requests, 'per_s', w.per_s)
                                                   order by w.per_s)
                                    from (select d.value -> 'requests' as requests,
                                                 ampsync_private.interval_us(d.value -> 'per') / 1000000 as per_s
                                            from declared d
                                           where d.value ? 'requests') w), '[]'),
             'status', coalesce((select jsonb_agg(t.value order by d.n, t.n)
                                   from declared d
                                  cross join jsonb_array_elements(d.value -> 'status') with ordinality t (value, n)),
                                '[403]'),
             'match', coalesce((select jsonb_agg(t.value order by d.n, t.n)
                                  from declared d
                                 cross join jsonb_array_elements(ampsync_private.as_list(d.value -> 'match'))
                                            with ordinality t (value, n)),
                               '["rate limit"]')));
end;
$$;

comment on function ampsync_private.full_rate_limit(jsonb)
  is 'The rate limit of a source with every option.';
