-- What passes are waiting for, in words, and what to do about it; no row for a pass where it is not
-- worth mentioning. Waiting for PostgreSQL comes first: for a lock, and who holds it; for a
-- standby; or for PostgreSQL's own work. Silence of the server is mentioned only while no stored
-- error says more. One statement for all: a worker may hold a thousand.
--
-- One element per pass:
-- p_writer_s          how many seconds its writer has waited for PostgreSQL; null: not waiting
-- p_waits, p_waits_s  what else it waits for, and for how many seconds: `plan` and `server`
--                     the Amp server, or the API of an HTTP source, `limit` the rate limit of that,
--                     `permit` one of the writing transactions of its worker, `turn` other streams
--                     of its worker that catch up
create or replace function ampsync_private.passes_wait(
  p_streams  bigint[],
  p_epochs   bigint[],
  p_writer_s numeric[],
  p_waits    text[],
  p_waits_s  numeric[]
)
  returns table (stream_id bigint, reason text, hint text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with waiting as materialized (
    select *
      from unnest(p_streams, p_epochs, p_writer_s, p_waits, p_waits_s) p (stream_id, epoch, writer_s, waits, waits_s)
     where p.writer_s >= 1 or p.waits_s >= 5
  )
  select p.stream_id, w.reason, w.hint
    from waiting p
   cross join lateral ampsync_private.fence_waits(p.stream_id, p.epoch, p.writer_s) w
   where p.writer_s >= 1
   union all
  select p.stream_id,
         format(case p.waits when 'permit' then 'has waited %s s for one of its worker''s writing transactions'
                     else 'has waited %s s for its turn: other tables of its worker catch up' end, round(p.waits_s)),
         case p.waits when 'permit'
                then 'All MAX_CONCURRENT_BATCHES are in use: select * from ampsync.streams; a larger DB_POOL_SIZE, or '
                     'more workers, may help.'
              else 'They take turns: select * from ampsync.progress; more workers may help.' end
    from waiting p
   where p.waits in ('permit', 'turn')
     and p.waits_s >= 5
     and p.writer_s >= 1 is not true
   union all
  select p.stream_id,
         case p.waits when 'limit' then format('has waited %s s for the rate limit of its API', round(p.waits_s))
                      else format('its API has not answered for %s s', round(p.waits_s)) end,
         case p.waits when 'limit' then 'Nothing to do: select * from ampsync.rate_limits;'
                      else 'Check the API, and any proxy in front of it.' end
    from waiting p
    join ampsync_private.stream s on s.stream_id = p.stream_id and s.error is null
    join ampsync_private.dataset d on d.dataset_id = s.dataset_id and d.kind = 'http'
   where (p.waits = 'limit' or p.waits = 'server' and p.waits_s >= 30)
     and p.writer_s >= 1 is not true
   union all
  select p.stream_id,
         case when p.waits = 'plan' then format('the Amp server has not answered for %s s', round(p.waits_s))
              when i.lacks then format('the Amp server has sent nothing for %s s%s', round(p.waits_s),
                                       ', though it holds block ' || d.block)
              else format('waits for the next block; the Amp server has sent nothing for %s s', round(p.waits_s)) end,
         case when p.waits = 'plan' then 'Check the Amp server, and any proxy in front of it.'
              when i.lacks then 'It may be working on a large range of blocks. If a proxy in front of it buffers '
                                'responses, turn buffering off.'
              else 'Nothing to do, unless the chain is known to have advanced.' end
    from waiting p
    join ampsync_private.stream s on s.stream_id = p.stream_id and s.error is null
    join ampsync_private.dataset a on a.dataset_id = s.dataset_id and a.kind = 'amp'
    left join ampsync_private.head d on d.dataset_id = s.dataset_id and d.network = s.network
   cross join lateral (select d.block > s.checkpoint_block or s.checkpoint_block is null as lacks) i
   where p.waits in ('plan', 'server')
     and p.waits_s >= 30
     and p.writer_s >= 1 is not true;
end;
$$;

comment on function ampsync_private.passes_wait(bigint[], bigint[], numeric[], text[], numeric[])
  is 'What passes are waiting for, in words, and what to do about it.';
