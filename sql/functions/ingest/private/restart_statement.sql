-- The statement of a hint that reads a source from its beginning again with a changed definition: into the same table,
-- by its key; or, where its records have none, and some are stored, as another source, into a table beside. Nothing is
-- dropped by it: rows, rejected records and the definition stay until somebody drops them knowingly.
--
-- p_change: keys of the definition, as ampsync.enqueue_http takes them
create or replace function ampsync_private.restart_statement(
  p_dataset ampsync_private.dataset,
  p_change  jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_beside record;
begin
  select s.* into v_stream
    from ampsync_private.stream s
    join pg_class c on c.oid = s.target
   where s.dataset_id = p_dataset.dataset_id
     and ampsync_private.has_position(s.stream_id);
  if not found or p_dataset.definition ? 'key' then
    return ampsync_private.http_statement(p_dataset.label, p_change, 'restart => true');
  end if;
  select b.* into strict v_beside
    from ampsync_private.source_beside(p_dataset, v_stream) b;
  return format('%s -- another source and table, since %s has no key; nothing is dropped: docs/http.md',
                ampsync_private.http_statement(
                  v_beside.label,
                  ampsync_private.merge_source(p_dataset.definition, p_change) - 'adopt', -- It is made, not taken.
                  concat_ws(', ', ampsync_private.target_option(v_stream.target_schema, v_beside.target_table),
                            'value_policy => ' || quote_literal(nullif(p_dataset.value_policy, 'fail')),
                            'nul_policy => ' || quote_literal(nullif(p_dataset.nul_policy, 'replace')))),
                p_dataset.label);
end;
$$;

comment on function ampsync_private.restart_statement(ampsync_private.dataset, jsonb)
  is 'The statement of a hint that reads a source from its beginning again with a changed definition.';
