-- A text that a client reports, for people: cut to 500 characters, without control characters. Null if it is none.
create or replace function ampsync_private.report_text(
  p_value jsonb
)
  returns text
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select left(regexp_replace(p_value #>> '{}', '[[:cntrl:]]', ' ', 'g'), 500)
   where jsonb_typeof(p_value) in ('string', 'number', 'boolean');
$$;

comment on function ampsync_private.report_text(jsonb)
  is 'A text that a client reports, cut to 500 characters, without control characters.';
