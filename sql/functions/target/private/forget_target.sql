-- Lets a stream whose table was dropped start over: all records of what that table held are
-- deleted, and the next pass creates it again, from the first block.
--
-- Called after revoke_lease.
--
-- Locks: history, ledger, rejected and repair rows, stream row.
create or replace function ampsync_private.forget_target(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  perform ampsync_private.forget_records(p_stream_id);

  update ampsync_private.stream s
     set target           = null,
         columns          = null,
         reached_head_at  = null,
         has_block_num    = null,
         network          = null,
         origin           = null,
         checkpoint_block = null,
         checkpoint_hash  = null,
         block_time       = null,
         committed_at     = null,
         load_started     = null,
         load_from        = null,
         row_total        = 0,
         rewrites         = s.rewrites + 1,
         nul_counts       = '{}',
         nulled_counts    = '{}',
         state            = case when s.state = 'paused' then 'paused' else 'waiting' end,
         since            = ampsync_private.now(),
         attempts         = 0,
         next_retry       = null,
         error            = null
   where s.stream_id = p_stream_id
  returning s.state into v_state;
  if v_state = 'waiting' then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.forget_target(bigint)
  is 'Let a stream whose table was dropped start over.';
