-- Reads one column of a declared index: a column name, then optionally asc or desc, then
-- optionally nulls first or nulls last, as in CREATE INDEX. The name is taken as it is written,
-- upper case included; in double quotes it may contain anything. Whether the table has such a
-- column is for the catalogue to say (missing_index_columns).
--
-- options: as in pg_index.indoption, 1 descending and 2 nulls first
create or replace function ampsync_private.parse_index_column(
  in  p_text      text,
  out column_name text,
  out options     smallint
)
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := regexp_match(
    p_text,
    '^ *(?:"((?:[^"]|"")+)"|([^[:space:]"(),;]+))(?: +(asc|desc))?(?: +nulls +(first|last))? *$', 'i');
begin
  if v_parts is null then
    raise exception using
      errcode = 'SY004',
      message = format('%s is not a column of an index', coalesce(quote_literal(left(p_text, 100)), 'null')),
      detail  = 'A column name, then optionally asc or desc, then optionally nulls first or nulls last. '
                'Expressions are not offered here; an index of your own with one is kept.',
      hint    = 'select ampsync.enqueue_sync(''my_dataset'', '
                'indexes => ''{"logs": [["address", "_block_num desc"]]}'');';
  end if;

  column_name := coalesce(replace(v_parts[1], '""', '"'), v_parts[2]);
  options := case when lower(v_parts[3]) = 'desc' then 1 else 0 end;
  if coalesce(lower(v_parts[4]) = 'first', options = 1) then -- The default of PostgreSQL: nulls are the largest.
    options := options + 2;
  end if;
end;
$$;

comment on function ampsync_private.parse_index_column(text)
  is 'Column name and order of one column of a declared index; raises SY004 for anything else.';
