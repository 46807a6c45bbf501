-- Records what the value policies did to the rows just written: rejected rows, and counts of
-- values that became NULL and of texts that lost a U+0000.
--
-- p_values: {"rejected": [{"block", "row", "column", "sqlstate", "reason", "values"}],
-- "nulled", "nuls": [{"column", "count", "block", "row", "reason"}]}; block, row and reason are
-- those of the first case. Null if there is nothing to record.
--
-- One event per kind and transaction, so that the journal does not grow with the rows; U+0000
-- is journaled once per column. So are values of an HTTP source that became NULL: each poll may bring
-- the same again.
--
-- Locks: only the stream row, which the caller holds.
create or replace function ampsync_private.record_values(
  p_stream_id bigint,
  p_values    jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  if p_values is null then
    return;
  end if;
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  insert into ampsync_private.reject
         (stream_id, block, row_number, column_name, sqlstate, reason, row_values, rejected_at)
  select p_stream_id, (r.value ->> 'block')::bigint, (r.value ->> 'row')::bigint, r.value ->> 'column',
         r.value ->> 'sqlstate', r.value ->> 'reason', nullif(r.value -> 'values', 'null'), ampsync_private.now()
    from jsonb_array_elements(p_values -> 'rejected') r;
  if found then
    perform ampsync_private.journal(p_stream_id, 'row_quarantined',
              (p_values -> 'rejected' -> 0) - 'values'
              || jsonb_build_object('rows', jsonb_array_length(p_values -> 'rejected')));
  end if;

  perform ampsync_private.journal(p_stream_id, 'value_error', n.value)
     from jsonb_array_elements(p_values -> 'nulled') n
    where not v_stream.nulled_counts ? (n.value ->> 'column')
       or exists (select from ampsync_private.dataset d where d.dataset_id = v_stream.dataset_id and d.kind = 'amp');
  perform ampsync_private.journal(p_stream_id, 'nul_replaced', n.value)
     from jsonb_array_elements(p_values -> 'nuls') n
    where not v_stream.nul_counts ? (n.value ->> 'column');

  update ampsync_private.stream s
     set nulled_counts = ampsync_private.add_counts(s.nulled_counts, p_values -> 'nulled'),
         nul_counts    = ampsync_private.add_counts(s.nul_counts, p_values -> 'nuls')
   where s.stream_id = p_stream_id;
end;
$$;

comment on function ampsync_private.record_values(bigint, jsonb)
  is 'Record rejected rows, and counts of changed values, together with their rows.';
