-- What a Relation message tells of columns as they are noted: form_of without generated columns, which PostgreSQL does
-- not send before 18, and from then on (by our publication) only where they are stored.
create or replace function ampsync_private.sent_form(
  p_columns jsonb
)
  returns jsonb
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select ampsync_private.form_of(coalesce(jsonb_agg(c.col order by c.n), '[]'))
    from jsonb_array_elements(case jsonb_typeof(p_columns) when 'array' then p_columns else '[]' end)
         with ordinality c(col, n)
   where c.col ->> 'generated' is null
      or c.col ->> 'generated' = 'stored' and current_setting('server_version_num')::integer >= 180000;
$$;

comment on function ampsync_private.sent_form(jsonb)
  is 'What a Relation message tells of columns as they are noted.';
