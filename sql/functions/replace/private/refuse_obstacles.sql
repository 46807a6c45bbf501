-- Raises SY201 with the list of everything that keeps a table with these columns from taking
-- the place of another one, and of the columns p_added, whose values would be lost. 55P03 if
-- somebody drops what hangs on the table at the same moment: the caller's transaction is to be
-- repeated after a pause.
create or replace function ampsync_private.refuse_obstacles(
  p_old     regclass,
  p_columns jsonb,
  p_added   name[] default '{}'
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set jit = off
as $$
declare
  v_found record;
  v_error text;
begin
  begin
    select count(*) as count, string_agg(o.object || ' ' || o.reason, '; ' order by o.object, o.reason) as list,
           string_agg(distinct o.remedy, ' ') as remedies
      into v_found
      from (select * from ampsync_private.replacement_obstacles(p_old, p_columns)
            union all
            select format('column %I', a.name), 'is not of the dataset, and its values would be lost',
                   format('alter table %s drop column %I;', p_old, a.name)
              from unnest(p_added) a(name)) o;
  exception
    when internal_error then -- The catalogue still has an index or a view that is gone (XX000).
      get stacked diagnostics v_error = message_text;
      raise exception using
        errcode = '55P03',
        message = format('somebody changes table %s, or what hangs on it, at the same moment', p_old),
        detail  = v_error,
        hint    = 'Do the same again.';
  end;
  if v_found.count = 0 then
    return;
  end if;
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot be replaced by one with other columns: %s', p_old,
                     case v_found.count when 1 then 'an object that hangs on it cannot be kept'
                                        else format('%s objects that hang on it cannot be kept', v_found.count) end),
    detail  = v_found.list || '. Nothing was changed.',
    hint    = coalesce(v_found.remedies, ampsync_private.dependents_query(p_old));
end;
$$;

comment on function ampsync_private.refuse_obstacles(regclass, jsonb, name[])
  is 'Raise SY201 with the list of what keeps a table from being replaced by one with other columns.';
