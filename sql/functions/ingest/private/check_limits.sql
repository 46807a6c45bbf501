-- Refuses a definition whose `rate_limit`, `concurrency` or `expires` cannot be kept.
create or replace function ampsync_private.check_limits(
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
  v_example constant jsonb := '{"requests": 100, "per": "1 minute"}';
  v_limits  constant jsonb := ampsync_private.as_list(p_source -> 'rate_limit');
  v_slots   jsonb;
  v_path    text[];
  v_limit   jsonb;
  v_per_s   numeric[] := '{}';
begin
  if jsonb_typeof(p_source -> 'rate_limit') not in ('object', 'array')
     or jsonb_typeof(p_source -> 'rate_limit') = 'array' and jsonb_array_length(v_limits) not between 1 and 3
     or (select count(distinct l.value -> 'bucket') > 1 from jsonb_array_elements(v_limits) l) then
    perform ampsync_private.raise_source(
      p_dataset, '{rate_limit}', 'is not one limit, nor a list of up to 3 of one bucket',
      ampsync_private.found_value(p_source, '{rate_limit}'), jsonb_set(p_source, '{rate_limit}', v_example));
  end if;
  for v_path, v_limit in
    select case jsonb_typeof(p_source -> 'rate_limit') when 'array' then array['rate_limit', (l.n - 1)::text]
                                                       else '{rate_limit}' end,
           l.value
      from jsonb_array_elements(v_limits) with ordinality l (value, n)
     order by l.n
  loop
    perform ampsync_private.check_value(p_dataset, p_source, v_path, 'object', v_example);
    perform ampsync_private.check_members(p_dataset, p_source, v_path, '{requests,per,bucket,status,match}');
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{requests}', 'integer', '100', v_limit ? 'per',
                                        1, 1000000000);
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{per}', 'interval', '"1 minute"',
                                        v_limit ? 'requests', 1, 2678400);
    if ampsync_private.interval_us(v_limit -> 'per') % 1000000 <> 0
       or ampsync_private.interval_us(v_limit -> 'per') = any (v_per_s) then
      perform ampsync_private.raise_source(
        p_dataset, v_path || '{per}',
        case when ampsync_private.interval_us(v_limit -> 'per') = any (v_per_s) then 'is a window that is there already'
             else 'is not whole seconds' end,
        ampsync_private.found_value(p_source, v_path || '{per}'), jsonb_set(p_source, '{rate_limit}', v_example));
    end if;
    v_per_s := v_per_s || ampsync_private.interval_us(v_limit -> 'per')::numeric;
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{bucket}', 'text');
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{status}', 'statuses', '[403]');
    perform ampsync_private.check_value(p_dataset, p_source, v_path || '{match}', 'texts', '"rate limit"');
  end loop;

  perform ampsync_private.check_value(p_dataset, p_source, '{concurrency}', 'object');
  perform ampsync_private.check_members(p_dataset, p_source, '{concurrency}', '{start,min,max}');
  perform ampsync_private.check_value(p_dataset, p_source, array['concurrency', k.name], 'integer', k.value,
                                      p_min => 1, p_max => 50)
     from jsonb_each('{"start": 5, "min": 2, "max": 10}') k (name, value);
  v_slots := ampsync_private.full_concurrency(p_source);
  if (v_slots -> 'start')::integer not between (v_slots -> 'min')::integer and (v_slots -> 'max')::integer then
    perform ampsync_private.raise_source(
      p_dataset, '{concurrency}', 'does not start between min and max', format('Found: %s', v_slots),
      p_source || '{"concurrency": {"start": 5, "min": 2, "max": 10}}');
  end if;

  perform ampsync_private.check_value(p_dataset, p_source, '{expires}', 'object');
  perform ampsync_private.check_members(p_dataset, p_source, '{expires}', '{after,status,match}');
  perform ampsync_private.check_value(p_dataset, p_source, '{expires,after}', 'interval', '"10 minutes"', p_min => 1);
  perform ampsync_private.check_value(p_dataset, p_source, '{expires,status}', 'statuses', '[410]');
  perform ampsync_private.check_value(p_dataset, p_source, '{expires,match}', 'texts');
end;
$$;

comment on function ampsync_private.check_limits(text, jsonb)
  is 'Raise SY004 if the rate limit, the concurrency or the expiry of a definition cannot be kept.';
