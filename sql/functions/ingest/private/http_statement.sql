-- The call of ampsync.enqueue_http that a hint has: with this definition, which is shown without its secrets, and
-- these options, as they are written. Where the definition is long it has … in its place, and says so: a call without
-- the definition would be another one.
--
-- p_limit: the length from which on a definition is not shown; null: it always is
create or replace function ampsync_private.http_statement(
  p_dataset text,
  p_source  jsonb default null,
  p_options text default null,
  p_limit   integer default 4000
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select concat(case when s.shown = '…'
                     then 'With the definition, which is too long to be shown, in the place of …: ' end,
                format('select * from ampsync.enqueue_http(%s);', concat_ws(', ',
                  quote_literal(p_dataset), 'source => ' || s.shown, p_options)))
    from (select case when length(d.text) > p_limit then '…' else quote_literal(d.text) end as shown
            from (select ampsync_private.without_secrets(p_source)::text as text) d) s;
$$;

comment on function ampsync_private.http_statement(text, jsonb, text, integer)
  is 'The call of ampsync.enqueue_http that a hint has.';
