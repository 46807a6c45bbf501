-- Of what a client reports the named members, each as a text (report_text). Null where it is no object.
create or replace function ampsync_private.report_fields(
  p_report jsonb,
  p_names  text[]
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_object_agg(n.name, ampsync_private.report_text(p_report -> n.name)))
    from unnest(p_names) n(name)
   where jsonb_typeof(p_report) = 'object';
$$;

comment on function ampsync_private.report_fields(jsonb, text[])
  is 'Of what a client reports the named members, as texts.';
