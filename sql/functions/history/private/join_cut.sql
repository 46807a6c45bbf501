-- Lets a stream that is live take part in the cut of its dataset from now on, if the cut does not
-- go back by that, or get lost because the borders of the first microbatches are others.
--
-- Idempotent. Locks: stream row; if somebody else has it, nothing happens: the supervisor calls
-- again.
create or replace function ampsync_private.join_cut(
  p_stream_id bigint
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.stream s
     set in_cut = true
    from (select j.stream_id
            from ampsync_private.stream j
           where j.stream_id = p_stream_id
             and j.shadow_of is null
             and j.state in ('live')
             and not j.in_cut
             for no key update skip locked) n
   where s.stream_id = n.stream_id
     and (not exists (select 1
                        from ampsync_private.stream o
                       where o.dataset_id = s.dataset_id
                         and o.network = s.network
                         and o.shadow_of is null
                         and o.state <> 'orphaned'
                         and o.in_cut)
          or ampsync_private.common_block(s.dataset_id, s.network, p_joining => s.stream_id)
             >= ampsync_private.common_block(s.dataset_id, s.network));
$$;

comment on function ampsync_private.join_cut(bigint)
  is 'Let a live stream take part in the cut of its dataset, if the cut does not go back by that.';
