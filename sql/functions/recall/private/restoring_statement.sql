-- The statement that makes one row of a table what it was; its parameters are the row as it is and as it shall be. It
-- is for the caller to run, with the caller's rights: code of the table's owner (triggers, defaults, checks of domains)
-- runs then. Nothing in it depends on the search path: types and the table are written as they are called from
-- pg_catalog alone, operators with their schema.
--
-- p_before  the row as it is, null: none
-- p_after   as it shall be, null: none. Columns that it does not have stay, or get their default
create or replace function ampsync_private.restoring_statement(
  p_relation regclass,
  p_before   jsonb,
  p_after    jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_sql   text;
  v_where text;
begin
  select string_agg(format('r.%I operator(pg_catalog.=) ($1 operator(pg_catalog.->>) %L)::%s', a.attname, a.attname,
                           format_type(a.atttypid, a.atttypmod)), ' and ')
    into strict v_where
    from pg_index k
    join pg_attribute a on a.attrelid = k.indrelid and a.attnum = any (ampsync_private.index_key_columns(k.indexrelid))
   where k.indrelid = p_relation
     and k.indisprimary;

  if p_after is null then
    v_sql := format('delete from %s r where %s', p_relation, v_where);
  elsif p_before is null then
    select format('insert into %s (%s) overriding system value values (%s)', p_relation,
                  string_agg(quote_ident(a.attname), ', ' order by a.attnum),
                  string_agg(format('($2 operator(pg_catalog.->>) %L)::%s', a.attname,
                                    format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum))
      into v_sql
      from pg_attribute a
     where a.attrelid = p_relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       and p_after ? a.attname;
  else
    select format('update %s r set %s where %s', p_relation,
                  string_agg(format('%I = ($2 operator(pg_catalog.->>) %L)::%s', a.attname, a.attname,
                                    format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum), v_where)
      into v_sql
      from pg_attribute a
     where a.attrelid = p_relation and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
       and p_after ? a.attname
       and (p_after ->> a.attname) is distinct from (p_before ->> a.attname);
  end if;
  return v_sql;
end;
$$;

comment on function ampsync_private.restoring_statement(regclass, jsonb, jsonb)
  is 'The statement that makes one row of a table what it was.';
