-- What an index is, whatever its name and that of its table: kind of constraint, method,
-- columns, expressions and predicate. Two tables have the same index if the forms are equal.
-- The storage parameters are left out, and casts (without_casts).
create or replace function ampsync_private.index_form(
  p_index regclass
)
  returns text
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' ', k.contype, case when k.condeferrable then 'deferrable' end,
                   case when k.condeferred then 'deferred' end, case when i.indisunique then 'unique' end,
                   ampsync_private.without_casts(ampsync_private.index_clauses(p_index, false)),
                   case when k.contype = 'x' then ampsync_private.without_casts(pg_get_constraintdef(k.oid)) end)
    from pg_index i
    left join pg_constraint k on k.conindid = i.indexrelid and k.conrelid = i.indrelid and k.contype in ('p', 'u', 'x')
   where i.indexrelid = p_index;
$$;

comment on function ampsync_private.index_form(regclass)
  is 'What an index is, apart from names and storage parameters.';
