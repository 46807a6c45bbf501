-- The secrets that a definition has in plain text: where each is, and the member of `auth` that
-- takes its place. Secrets belong to the environment of the workers, and the database holds their
-- names only.
create or replace function ampsync_private.source_secrets(
  p_source jsonb
)
  returns table (path text[], auth jsonb)
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array['url'], jsonb_build_object('basic', coalesce(u.name, 'user'), 'secret', 'API_PASSWORD')
    from (select substring(p_source ->> 'url' from '://([A-Za-z0-9._-]+)[^/?#]*@') as name) u
   where p_source ->> 'url' ~ '^[^/?#]*://[^/?#]*@'
   union all
  select array['url'], jsonb_build_object('query', q.name, 'secret', 'API_KEY')
    from ampsync_private.url_parameters(p_source ->> 'url') q
   where ampsync_private.names_secret(q.name)
   union all
  select array[p.place, e.key],
         case when e.key ~* '^(proxy-)?authorization$'
                then '{"header": "Authorization", "prefix": "Bearer ", "secret": "API_TOKEN"}'::jsonb
              when p.place = 'headers' then jsonb_build_object('header', e.key, 'secret', 'API_KEY')
              when p.place = 'query' then jsonb_build_object('query', e.key, 'secret', 'API_KEY')
              else jsonb_build_object('body', ampsync_private.pointer_to(array[e.key]), 'secret', 'API_KEY') end
    from unnest('{headers,query,body}'::text[]) with ordinality p (place, n)
   cross join jsonb_each(case jsonb_typeof(p_source -> p.place) when 'object' then p_source -> p.place else '{}' end) e
   where p.place = 'headers' and lower(e.key) in ('authorization', 'proxy-authorization', 'cookie')
      or jsonb_typeof(e.value) = 'string' and ampsync_private.names_secret(e.key);
$$;

comment on function ampsync_private.source_secrets(jsonb)
  is 'The secrets that a definition has in plain text, and the member of auth that takes the place of each.';
