-- What becomes of each column of a table that another one with other columns replaces: whether
-- it is gone there, or has another type. A collation of its own counts as another type, because
-- targets are made without.
create or replace function ampsync_private.column_fate(
  p_table   regclass,
  p_columns jsonb
)
  returns table (attnum smallint, name name, gone boolean, changed boolean)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
    select a.attnum, a.attname, p.type is null,
           coalesce(p.type <> format_type(a.atttypid, a.atttypmod), false) or a.attcollation <> t.typcollation
      from pg_attribute a
      join pg_type t on t.oid = a.atttypid
      left join jsonb_to_recordset(p_columns) p(name name, type text) on p.name = a.attname
     where a.attrelid = p_table
       and a.attnum > 0
       and not a.attisdropped;
end;
$$;

comment on function ampsync_private.column_fate(regclass, jsonb)
  is 'Which columns of a table are gone, or have another type, among others.';
