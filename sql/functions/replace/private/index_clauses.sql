-- The definition of an index from its method on (USING …), as PostgreSQL writes it, with or
-- without its storage parameters.
create or replace function ampsync_private.index_clauses(
  p_index        regclass,
  p_with_storage boolean
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select case when p_with_storage or o.storage is null then d.clauses else replace(d.clauses, o.storage, '') end
      from pg_index i
      join pg_class x on x.oid = i.indexrelid
      join pg_class t on t.oid = i.indrelid
      join pg_namespace n on n.oid = t.relnamespace
     cross join lateral (
       select substr(pg_get_indexdef(i.indexrelid),
                     length(format('CREATE %sINDEX %I ON %I.%I ', case when i.indisunique then 'UNIQUE ' end,
                                   x.relname, n.nspname, t.relname)) + 1) as clauses
     ) d
     cross join lateral (
       select format(' WITH (%s)',
                     string_agg(format('%I=%s', s.option_name,
                                       case when quote_ident(s.option_value) = s.option_value then s.option_value
                                            else quote_literal(s.option_value) end), ', ' order by r.n)) as storage
         from unnest(x.reloptions) with ordinality r(option, n)
        cross join lateral pg_options_to_table(array[r.option]) s
     ) o
     where i.indexrelid = p_index
  );
end;
$$;

comment on function ampsync_private.index_clauses(regclass, boolean)
  is 'The definition of an index from its method on.';
