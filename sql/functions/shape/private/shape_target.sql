-- The publication that a shape of a table joins: SY401 if the table is not published, its own error if that has failed.
create or replace function ampsync_private.shape_target(
  p_relation regclass
)
  returns integer
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
begin
  select * into v_table
    from ampsync_private.published p
   where p.relation = p_relation;
  if not found then
    raise exception using
      errcode = 'SY401',
      message = format('%s is not published', coalesce(p_relation::text, 'a table that is null')),
      detail  = 'Shapes are parts of published tables.',
      hint    = format('select ampsync.publish(%L);', coalesce(p_relation::text, 'public.todos'));
  elsif v_table.state = 'failed' then
    raise exception using
      errcode = v_table.error ->> 'code',
      message = v_table.error ->> 'message',
      detail  = v_table.error ->> 'detail',
      hint    = v_table.error ->> 'hint';
  end if;
  return v_table.published_id;
end;
$$;

comment on function ampsync_private.shape_target(regclass)
  is 'The publication that a shape of a table joins.';
