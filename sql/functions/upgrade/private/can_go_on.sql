-- Whether what a stream had before an upgrade can go on from its checkpoint: false if all blocks
-- of its history are known to have been replaced since then, by the hashes that the stream has
-- for them now. What is not known, the server decides.
create or replace function ampsync_private.can_go_on(
  p_former_id bigint,
  p_stream_id bigint
)
  returns boolean
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(bool_or(coalesce(o.hash = h.hash, true)), true)
    from ampsync_private.history h
   cross join lateral (select ampsync_private.own_hash(p_stream_id, h.last_block) as hash) o
   where h.stream_id = p_former_id;
$$;

comment on function ampsync_private.can_go_on(bigint, bigint)
  is 'Whether what a stream had before an upgrade can go on from its checkpoint.';
