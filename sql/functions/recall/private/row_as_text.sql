-- SQL that makes of a row `r` of a table what the log has of one: a jsonb object with the text form of each column
-- but generated ones, and its key, a JSON array of texts without blanks. concat() calls the output functions of
-- types; a cast would not (boolean, char(n), inet).
create or replace function ampsync_private.row_as_text(
  in  p_relation regclass,
  out data_sql   text,
  out key_sql    text
)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  select format('jsonb_object(array[%s]::text[], array[%s]::text[])',
                string_agg(quote_literal(a.attname), ', ' order by a.attnum),
                string_agg(format('case when r.%1$I is not null then concat(r.%1$I) end', a.attname), ', '
                           order by a.attnum)),
         format('''['' || %s || '']''',
                string_agg(format('to_json(concat(r.%I))::text', a.attname), ' || '','' || ' order by a.attnum)
                  filter (where a.attnum = any (ampsync_private.index_key_columns(k.indexrelid))))
    into strict data_sql, key_sql
    from pg_attribute a
    join pg_index k on k.indrelid = a.attrelid and k.indisprimary
   where a.attrelid = p_relation
     and a.attnum > 0
     and not a.attisdropped
     and a.attgenerated = '';
end;
$$;

comment on function ampsync_private.row_as_text(regclass)
  is 'SQL that makes of a row of a table what the log has of one.';
