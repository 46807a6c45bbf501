-- The index of a table that serves whoever wants one of these columns, whoever made it: it is
-- valid, covers every row, and begins with these columns in this order, or entirely in the
-- reverse one (a btree is read backwards as well). For brin, which only finds ranges, a btree
-- will do. Null if there is none.
--
-- p_options: as in pg_index.indoption, 1 descending and 2 nulls first
create or replace function ampsync_private.serving_index(
  p_target  regclass,
  p_method  text,
  p_columns text[],
  p_options smallint[]
)
  returns oid
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select i.indexrelid
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    join pg_am m on m.oid = c.relam
   where i.indrelid = p_target
     and i.indisvalid and i.indisready and i.indislive
     and i.indpred is null
     and i.indnkeyatts >= cardinality(p_columns)
     and m.amname in ('btree', p_method)
     and not exists ( -- Vectors of pg_index count from 0.
       select from generate_series(1, cardinality(p_columns)) k(n)
         left join pg_attribute a on a.attrelid = p_target and a.attnum = i.indkey[k.n - 1] and a.attnum > 0
         left join pg_opclass o on o.oid = i.indclass[k.n - 1]
        where a.attname is distinct from p_columns[k.n]
           or a.attcollation <> i.indcollation[k.n - 1]
           or not o.opcdefault)
     and (p_method = 'brin'
          or not exists (select from generate_series(1, cardinality(p_columns)) k(n)
                          where i.indoption[k.n - 1] <> p_options[k.n])
          or not exists (select from generate_series(1, cardinality(p_columns)) k(n)
                          where i.indoption[k.n - 1] <> 3 - p_options[k.n]))
   order by m.amname <> p_method, i.indnkeyatts, i.indexrelid
   limit 1;
$$;

comment on function ampsync_private.serving_index(regclass, text, text[], smallint[])
  is 'A valid index of a table that begins with these columns; null if there is none.';
