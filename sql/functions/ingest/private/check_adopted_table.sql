-- Refuses a table that is there as the target of an HTTP source whose definition says `adopt`, naming all
-- that is missing (SY201), with the statement that mends it where there is one.
create or replace function ampsync_private.check_adopted_table(
  p_dataset text,
  p_source  jsonb,
  p_table   regclass
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text;
  v_mended text;
  v_place  record;
begin
  select string_agg(f.fault, '; '),
         case when bool_and(f.mended is not null) then string_agg(f.mended, ', ') end
    into v_faults, v_mended
    from ampsync_private.adoption_faults(p_source, p_table) f;
  if v_faults is null then
    return;
  end if;

  select n.nspname as schema, c.relname as name into strict v_place
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_table;
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot be the target of %s', p_table, p_dataset),
    detail  = format('Nothing was changed: %s.', left(v_faults, 4000)),
    hint    = case when length(v_mended) <= 4000
                   then format('alter table %s %s; %s', p_table, v_mended,
                               ampsync_private.http_statement(
                                 p_dataset, p_source, ampsync_private.target_option(v_place.schema, v_place.name)))
                   else ampsync_private.http_statement(p_dataset, p_source, ampsync_private.target_option(
                          v_place.schema, ampsync_private.free_name(v_place.schema, v_place.name))) end;
end;
$$;

comment on function ampsync_private.check_adopted_table(text, jsonb, regclass)
  is 'Raise SY201 if a table that is there cannot be the target of an HTTP source.';
