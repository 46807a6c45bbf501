-- Where a part is read from again whose records come in the order of the range: the greatest value that
-- was stored, but the lookback; never before where its run began, and below its end.
create or replace function ampsync_private.sorted_since(
  p_part  ampsync_private.part,
  p_range jsonb
)
  returns numeric
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since numeric := greatest(p_part.since, p_part.high - (p_range ->> 'lookback_us')::numeric);
begin
  return case when v_since >= p_part.until then p_part.since else v_since end;
end;
$$;

comment on function ampsync_private.sorted_since(ampsync_private.part, jsonb)
  is 'Where a part is read from again whose records come in the order of the range.';
