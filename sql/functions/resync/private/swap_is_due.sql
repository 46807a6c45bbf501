-- Whether the rows of a shadow may replace those of its stream: no block that may still be on
-- the server's chain would vanish for readers. So the shadow has either reached the old
-- checkpoint; or it is at the head of a shorter chain that is proven to be another one, at its
-- tip or in the newest row up to there. A server that only lags behind what we hold has the
-- same hash and rows, and is waited for.
--
-- False for a stream that is no shadow, for a shadow that is halted, and while its stream moves.
create or replace function ampsync_private.swap_is_due(
  p_shadow_id bigint
)
  returns boolean
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_shadow ampsync_private.stream;
  v_live   ampsync_private.stream;
  v_hash   bytea;
  v_differ boolean;
begin
  select * into v_shadow
    from ampsync_private.stream s
   where s.stream_id = p_shadow_id;
  select * into v_live
    from ampsync_private.stream s
   where s.stream_id = v_shadow.shadow_of;
  if not found or v_live.state <> 'resyncing' or ampsync_private.is_halted(v_shadow.state)
     or v_shadow.checkpoint_block is null then
    return false;
  end if;

  if (select count(*) from pg_class c where c.oid in (v_shadow.target, v_live.target)) < 2 then
    return true; -- One of them was dropped: the swap reports it.
  end if;
  if v_shadow.checkpoint_block >= v_live.checkpoint_block or v_live.checkpoint_block is null then
    return true;
  end if;
  if v_shadow.state <> 'live' then
    return false;
  end if;

  v_hash := ampsync_private.own_hash(v_live.stream_id, v_shadow.checkpoint_block);
  if v_hash is not null then
    return v_hash <> v_shadow.checkpoint_hash;
  end if;
  if not (v_live.has_block_num and v_shadow.has_block_num) then
    return false; -- Rows start with the border of a microbatch, and borders differ on the same chain too.
  end if;

  if not (ampsync_private.hold_target(v_live.stream_id) and ampsync_private.hold_target(p_shadow_id)) then
    return true; -- Just dropped.
  end if;
  if v_live.identity = 'transaction' then
    return ampsync_private.newest_rows_differ(v_live, v_shadow);
  end if;
  execute format(
    'select (select l._id from %s l where l._id >= $1 and l._id < $2 order by l._id desc limit 1)
            is distinct from (select s._id from %s s where s._id >= $1 and s._id < $2 order by s._id desc limit 1)',
    v_live.target, v_shadow.target)
     into v_differ
    using ampsync_private.block_prefix(greatest(v_live.from_block, v_shadow.from_block)), -- What both load.
          ampsync_private.block_prefix(v_shadow.checkpoint_block + 1);
  return v_differ;
end;
$$;

comment on function ampsync_private.swap_is_due(bigint)
  is 'Whether a shadow covers everything that it replaces, so that the swap may happen.';
