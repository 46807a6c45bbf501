-- What null_columns says of the large transaction that is being stored: what was stored ahead was looked through then
-- (store_changes), so that only what came since is.
create or replace function ampsync_private.large_nulls(
  p_capture ampsync_private.capture
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last   integer := coalesce((p_capture.large_notes ->> 'last')::integer, -1);
  v_before jsonb := coalesce(p_capture.large_notes -> 'nulls', '{}');
  v_since  jsonb := coalesce(ampsync_private.null_columns(array[p_capture.large_tx], v_last)
                             -> p_capture.large_tx::text, '{}');
begin
  if v_before || v_since = '{}' then
    return '{}';
  end if;
  return jsonb_build_object(p_capture.large_tx::text, (
    select jsonb_object_agg(t.id, coalesce(v_before -> t.id, '[]') || coalesce(v_since -> t.id, '[]'))
      from jsonb_object_keys(v_before || v_since) t(id)));
end;
$$;

comment on function ampsync_private.large_nulls(ampsync_private.capture)
  is 'Columns noted as not null in which the large transaction that is being stored holds a NULL.';
