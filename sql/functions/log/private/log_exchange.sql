-- Says in the log what exchange_streams did to published targets. The last step of its callers.
--
-- p_ranges  what it returned: by stream {"first_block": null if nothing differs, "rows"}; null for a
--           table that another one replaced
--
-- Locks: rows of `published`, then the log lock; the caller holds the stream rows.
create or replace function ampsync_private.log_exchange(
  p_ranges jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_range    record;
  v_position bigint;
begin
  perform ampsync_private.hold_target_row(r.key::bigint) -- All before the log lock.
     from jsonb_each(p_ranges) r
    order by r.key::bigint;
  perform ampsync_private.log_schema(r.key::bigint)
     from jsonb_each(p_ranges) r
    order by r.key::bigint;
  for v_range in
    select r.key::bigint as stream_id, (r.value ->> 'first_block')::bigint as first_block,
           (r.value ->> 'rows')::bigint as rows
      from jsonb_each(p_ranges) r
     where r.value ->> 'first_block' is not null
     order by 1
  loop
    v_position := ampsync_private.log_blocks(
                    v_range.stream_id, 'resync', v_range.first_block, null, v_range.rows, v_position);
  end loop;
end;
$$;

comment on function ampsync_private.log_exchange(jsonb)
  is 'Say in the log what became of published targets in an exchange of streams.';
