-- The parameters in the query of an address: each as it is written, and its name decoded, as far
-- as ASCII goes.
create or replace function ampsync_private.url_parameters(
  p_url text
)
  returns table (n bigint, text text, name text)
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select q.n, q.text,
         coalesce((select string_agg(case when c.m[1] ~* '^%[2-7][0-9a-f]$'
                                            then convert_from(decode(substr(c.m[1], 2), 'hex'), 'UTF8')
                                          else c.m[1] end, '' order by c.n)
                     from regexp_matches(replace(split_part(q.text, '=', 1), '+', ' '), '%[0-9A-Fa-f]{2}|.', 'g')
                          with ordinality c (m, n)), '')
    from regexp_split_to_table(substring(p_url from '^[^?#]*[?]([^#]*)'), '&') with ordinality q (text, n)
   where q.text <> '';
$$;

comment on function ampsync_private.url_parameters(text)
  is 'The parameters in the query of an address.';
