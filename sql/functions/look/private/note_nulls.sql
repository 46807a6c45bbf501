-- A NULL in a column noted as not null tells that it is so no more, before anybody looked: the entry stands before the
-- transaction with that row.
--
-- p_nulls  of that transaction, as null_columns has it; they were looked for before the log lock
--
-- Locks: rows of `published`, then the log lock.
create or replace function ampsync_private.note_nulls(
  p_nulls jsonb,
  p_lsn   pg_lsn,
  p_at    timestamptz
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
begin
  for v_found in
    select p.published_id, p.schema_name, p.table_name, p.storage, array_agg(n.name) as names
      from ampsync_private.published p
     cross join lateral (select c.col ->> 'name' as name
                           from jsonb_array_elements(p.columns) c(col)
                          where (c.col ->> 'not_null')::boolean
                            and c.col ->> 'generated' is null
                            and p_nulls -> (p.published_id::text) ? (c.col ->> 'name')) n
     where p.mode = 'rows'
       and p.state = 'live'
     group by p.published_id
     order by p.published_id
  loop
    perform ampsync_private.apply_form(v_found.published_id,
              '{"verdict": "found", "reason": "A column may be NULL.", "columns_differ": true}',
              (select jsonb_build_object(
                        'schema', v_found.schema_name, 'table', v_found.table_name, 'storage', v_found.storage,
                        'columns', jsonb_agg(case when c.col ->> 'name' = any (v_found.names)
                                                  then c.col || '{"not_null": false}' else c.col end order by c.n))
                 from ampsync_private.published p
                cross join jsonb_array_elements(p.columns) with ordinality c(col, n)
                where p.published_id = v_found.published_id),
              false, p_lsn, p_at);
  end loop;
end;
$$;

comment on function ampsync_private.note_nulls(jsonb, pg_lsn, timestamptz)
  is 'A NULL in a column noted as not null: the entry that drops it stands before its transaction.';
