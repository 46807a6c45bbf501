-- Refuses a definition whose `range` or `every` does not say which records a run asks for.
create or replace function ampsync_private.check_range(
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
  v_format  constant text := p_source #>> '{range,format}';
  v_granule constant bigint := ampsync_private.range_granule(v_format);
  v_step    constant bigint := ampsync_private.interval_us(p_source #> '{range,step}');
  v_name    text;
begin
  perform ampsync_private.check_value(p_dataset, p_source, '{every}', 'interval', '"60 s"', p_min => 1);
  perform ampsync_private.check_value(p_dataset, p_source, '{append_only}', 'boolean');
  if not p_source ? 'range' then
    return;
  end if;

  perform ampsync_private.check_value(p_dataset, p_source, '{range}', 'object');
  perform ampsync_private.check_members(p_dataset, p_source, '{range}',
    '{field,since,until,format,from,bounds,lookback,lag,step,sorted}');
  perform ampsync_private.check_value(p_dataset, p_source, '{range,field}', 'pointer', '"/updated_at"', true);
  perform ampsync_private.check_value(p_dataset, p_source, '{range,since}', 'text', '"since"', true);
  perform ampsync_private.check_value(p_dataset, p_source, '{range,until}', 'text', '"until"');
  perform ampsync_private.check_choice(p_dataset, p_source, '{range,format}', '{iso,iso_ms,date,s,ms,integer}', true);
  perform ampsync_private.check_choice(p_dataset, p_source, '{range,bounds}', '{[),[],(),(]}');
  perform ampsync_private.check_value(p_dataset, p_source, '{range,sorted}', 'boolean');

  if v_format = 'integer' then
    perform ampsync_private.check_value(p_dataset, p_source, '{range,lookback}', 'integer', '0',
                                        p_min => 0, p_max => 1000000000000);
    select k.name into v_name from unnest('{until,lag,step}'::text[]) k (name) where p_source -> 'range' ? k.name;
    if found then
      perform ampsync_private.raise_source(
        p_dataset, array['range', v_name], 'is for ranges of times',
        'It is counted from the time of the database, which no integer of an API follows.',
        p_source #- array['range', v_name]);
    end if;
  else
    perform ampsync_private.check_value(p_dataset, p_source, '{range,lookback}', 'interval', '"5 minutes"', p_min => 0);
    perform ampsync_private.check_value(p_dataset, p_source, '{range,lag}', 'interval', '"1 minute"', p_min => 0);
    perform ampsync_private.check_value(p_dataset, p_source, '{range,step}', 'interval', '"1 day"', p_min => 0.001);
  end if;

  if p_source #> '{range,from}' is not null and ampsync_private.range_from(p_source -> 'range') is null then
    perform ampsync_private.raise_source(
      p_dataset, '{range,from}',
      case when v_format = 'integer' then 'is not an integer'
           else 'is not a time of ISO 8601, such as 2024-01-31T00:00:00Z' end,
      ampsync_private.found_value(p_source, '{range,from}'),
      jsonb_set(p_source, '{range,from}', case when v_format = 'integer' then '0' else '"2024-01-01"' end::jsonb));
  end if;

  if v_step is not null then
    perform ampsync_private.check_value(p_dataset, p_source, '{range,from}', 'scalar', '"2024-01-01"', true);
    perform ampsync_private.check_value(p_dataset, p_source, '{range,until}', 'text', '"until"', true);
    if v_step % v_granule <> 0 or v_step = 0 then
      perform ampsync_private.raise_source(
        p_dataset, '{range,step}', format('is not a multiple of what format %s can tell apart', v_format),
        format('That is %s s. Windows share their borders, which have to be sent exactly.', v_granule / 1000000.0),
        jsonb_set(p_source, '{range,step}', '"1 day"'));
    end if;
  end if;
end;
$$;

comment on function ampsync_private.check_range(text, jsonb)
  is 'Raise SY004 if a definition does not say which records a run asks for.';
