-- What a pass is waiting for, in words, and what to do about it; nulls when it is not worth
-- mentioning. Waiting for PostgreSQL comes first: for a lock, and who holds it; for a standby;
-- or for PostgreSQL's own work. Silence of the server is mentioned only while no stored error
-- says more.
--
-- p_writer_s          how many seconds its writer has waited for PostgreSQL; null: not waiting
-- p_waits, p_waits_s  what else it waits for, and for how many seconds: `plan` and `server`
--                     the Amp server, `permit` one of the writing transactions of its worker,
--                     `turn` other streams of its worker that catch up
create or replace function ampsync_private.pass_waits(
  p_stream_id bigint,
  p_epoch     bigint,
  p_writer_s  numeric,
  p_waits     text,
  p_waits_s   numeric,
  out reason  text,
  out hint    text
)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_writer_s >= 1 then
    select w.reason, w.hint into reason, hint
      from ampsync_private.fence_waits(p_stream_id, p_epoch, p_writer_s) w;
  elsif p_waits = 'permit' and p_waits_s >= 5 then
    reason := format('has waited %s s for one of its worker''s writing transactions', round(p_waits_s));
    hint := 'All MAX_CONCURRENT_BATCHES are in use: select * from ampsync.streams; a larger DB_POOL_SIZE, or more '
            'workers, may help.';
  elsif p_waits = 'turn' and p_waits_s >= 5 then
    reason := format('has waited %s s for its turn: other tables of its worker catch up', round(p_waits_s));
    hint := 'They take turns: select * from ampsync.progress; more workers may help.';
  elsif p_waits_s >= 30 and exists (select 1
                                      from ampsync_private.stream s
                                     where s.stream_id = p_stream_id and s.error is null) then
    if p_waits = 'plan' then
      reason := format('the Amp server has not answered for %s s', round(p_waits_s));
      hint := 'Check the Amp server, and any proxy in front of it.';
    elsif p_waits = 'server' then
      select case when d.block > s.checkpoint_block or s.checkpoint_block is null
                  then format('the Amp server has sent nothing for %s s%s', round(p_waits_s),
                              ', though it holds block ' || d.block)
                  else format('waits for the next block; the Amp server has sent nothing for %s s',
                              round(p_waits_s)) end,
             case when d.block > s.checkpoint_block or s.checkpoint_block is null
                  then 'It may be working on a large range of blocks. If a proxy in front of it buffers responses, '
                       'turn buffering off.'
                  else 'Nothing to do, unless the chain is known to have advanced.' end
        into reason, hint
        from ampsync_private.stream s
        left join ampsync_private.head d on d.dataset_id = s.dataset_id and d.network = s.network
       where s.stream_id = p_stream_id;
    end if;
  end if;
end;
$$;

comment on function ampsync_private.pass_waits(bigint, bigint, numeric, text, numeric)
  is 'What a pass is waiting for, in words, and what to do about it.';
