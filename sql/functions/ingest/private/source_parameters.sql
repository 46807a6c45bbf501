-- What workers put into the requests of a source, beside what its definition has as constants: which
-- place of the definition names it, where it goes (`query`, `headers` or `body`), and its name there,
-- of a header in lower case; a pointer for a body. A parameter of the range is a pointer into the
-- body if there is one and the name begins with a slash.
create or replace function ampsync_private.source_parameters(
  p_source jsonb
)
  returns table (path text[], place text, name text)
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select '{pages,param}'::text[], coalesce(p_source #>> '{pages,in}', 'query'), p_source #>> '{pages,param}'
   where p_source #> '{pages,param}' is not null
   union all
  select array['range', r.bound], case when p_source ? 'body' and starts_with(r.name, '/') then 'body' else 'query' end,
         r.name
    from unnest('{since,until}'::text[]) b (bound)
   cross join lateral (select b.bound, p_source #>> array['range', b.bound] as name) r
   where r.name is not null
   union all
  select array['auth', (a.n - 1)::text], k.place,
         case a.value ->> 'kind' when 'header' then lower(a.value ->> 'name') when 'basic' then 'authorization'
                                 else a.value ->> 'name' end
    from jsonb_array_elements(ampsync_private.full_auth(p_source)) with ordinality a (value, n)
   cross join lateral (select case a.value ->> 'kind' when 'query' then 'query' when 'body' then 'body'
                                                      else 'headers' end as place) k;
$$;

comment on function ampsync_private.source_parameters(jsonb)
  is 'What workers put into the requests of a source, and where.';
