-- The tables that captured transactions emptied by TRUNCATE: [{"place": of the transaction, from 1 on, "id":
-- published_id}].
create or replace function ampsync_private.captured_truncates(
  p_tx_ids    bigint[],
  p_lines     text,
  p_capture   ampsync_private.capture,
  p_has_large boolean
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found jsonb := '[]';
begin
  if position('"truncate"' in p_lines) > 0 then
    v_found := coalesce((
      select jsonb_agg(jsonb_build_object('place', t.place, 'id', c.published_id))
        from unnest(p_tx_ids) with ordinality t(tx_id, place)
        join ampsync_private.change c using (tx_id)
       where c.operation = 'truncate'), '[]');
  end if;
  if p_has_large then
    v_found := v_found || coalesce((select jsonb_agg(jsonb_build_object('place', 1, 'id', i.value))
                                      from jsonb_array_elements(p_capture.large_notes -> 'truncated') i), '[]');
  end if;
  return v_found;
end;
$$;

comment on function ampsync_private.captured_truncates(bigint[], text, ampsync_private.capture, boolean)
  is 'The tables that captured transactions emptied by TRUNCATE.';
