-- Lets the columns of a table that is to take the rows of another one be null where those of the
-- other one may be: a version may have made a column not null whose older rows hold nulls.
--
-- Locks: the table (access exclusive), which the caller has locked.
create or replace function ampsync_private.allow_nulls(
  p_table regclass,
  p_other regclass
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column name;
begin
  for v_column in
    select a.attname
      from pg_attribute a
      join pg_attribute o on o.attrelid = p_other and o.attname = a.attname and not o.attisdropped
     where a.attrelid = p_table
       and a.attnum > 0
       and a.attnotnull
       and not o.attnotnull
  loop
    execute format('alter table %s alter column %I drop not null', p_table, v_column);
  end loop;
end;
$$;

comment on function ampsync_private.allow_nulls(regclass, regclass)
  is 'Let the columns of a table be null where those of another one may be.';
