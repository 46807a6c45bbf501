-- Refuses a definition without a key that reads records twice on purpose: they would be stored twice.
create or replace function ampsync_private.check_rereading(
  p_dataset text,
  p_source  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_path text[];
begin
  if p_source ? 'key' then
    return;
  end if;
  v_path := case
    when ampsync_private.full_range(p_source) -> 'lookback_us' <> '0' then '{range,lookback}'::text[]
    when p_source #> '{range,step}' is not null then '{range,step}'
    when p_source #> '{pages,inclusive}' = 'true' then '{pages,inclusive}'
    when p_source ? 'every' and not (p_source @> '{"append_only": true}'
                                     and p_source #>> '{pages,type}' in ('offset', 'after')) then '{every}' end;
  if v_path is not null then
    perform ampsync_private.raise_source(
      p_dataset, v_path, 'needs a key',
      'It has records read again, and without a key those are stored again. A source without one can be polled where '
      'it is append_only, by pages of type offset or after.',
      p_source || '{"key": "content"}');
  end if;
end;
$$;

comment on function ampsync_private.check_rereading(text, jsonb)
  is 'Raise SY004 if a definition without a key reads records twice on purpose.';
