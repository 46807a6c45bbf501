-- The indexes of two tables, paired by form; null where one table lacks what the other has.
-- Left out are invalid ones: a CREATE INDEX CONCURRENTLY that failed, or goes on.
create or replace function ampsync_private.index_pairs(
  p_old regclass,
  p_new regclass
)
  returns table (old_index regclass, new_index regclass)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with formed as (
    select i.indrelid, i.indexrelid::regclass as index, f.form,
           row_number() over (partition by i.indrelid, f.form order by i.indexrelid) as n
      from pg_index i
     cross join lateral ampsync_private.index_form(i.indexrelid) f(form)
     where i.indrelid in (p_old, p_new)
       and i.indisvalid and i.indisready and i.indislive
  )
  select o.index, n.index
    from (select * from formed s where s.indrelid = p_old) o
    full join (select * from formed s where s.indrelid = p_new) n using (form, n);
$$;

comment on function ampsync_private.index_pairs(regclass, regclass)
  is 'The indexes of two tables, paired by what they index.';
