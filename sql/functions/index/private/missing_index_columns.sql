-- Which of these columns a table lacks. Empty while the table does not exist.
create or replace function ampsync_private.missing_index_columns(
  p_target  regclass,
  p_columns text[]
)
  returns text[]
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select c.name
      from unnest(p_columns) with ordinality c(name, position)
     where exists (select from pg_class t where t.oid = p_target)
       and not exists (select from pg_attribute a
                        where a.attrelid = p_target and a.attname = c.name and a.attnum > 0 and not a.attisdropped)
     order by c.position);
$$;

comment on function ampsync_private.missing_index_columns(regclass, text[])
  is 'The columns that a table lacks; none while there is no table.';
