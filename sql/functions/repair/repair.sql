-- Fetches blocks again where ampsync.verify found damage: the rows of exactly these blocks are
-- replaced in one transaction. The next pass of the stream does it; a pass under way ends within
-- seconds. A range of one table is named, or all is meant that verify finds in one table or in the
-- whole dataset: the call then takes as long as verify.
--
-- Returns the ranges, and what becomes of each:
--   queued    it will be fetched
--   waiting   that was requested before, and is not done yet
--   refused   only a resync helps: `hint` has the call
--
-- A named range is refused for tables whose rows do not know their own block, and for blocks that
-- were not loaded. Blocks that a reorg may still replace are fetched once their hash proves that
-- the server is on our chain, so rows must carry a hash.
--
-- Fewer rows than were loaded are rejected each time the server sends them, unless accept_fewer
-- says that the server is right and the blocks now hold less.
--
-- Idempotent while the repair waits. ampsync.repairs shows it until it is done, and why it was
-- postponed; the journal records when it is done (`repaired`).
--
-- Locks: the target (access share), stream row (key share), repair row.
create or replace function ampsync.repair(
  dataset          text,
  inout table_name text default null,
  inout from_block bigint default null,
  inout to_block   bigint default null,
  accept_fewer     boolean default false,
  out   state      text,
  out   hint       text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id bigint := ampsync_private.find_dataset(repair.dataset);
  v_stream     ampsync_private.stream;
  v_stream_id  bigint;
  v_is_held    boolean;
  v_obstacle   text;
begin
  perform ampsync_private.refuse_http(v_dataset_id, 'repair',
                                      format('select * from ampsync.resync(%L);', repair.dataset));
  if from_block is null and to_block is null then
    return query
    select * from ampsync_private.repair_found(v_dataset_id, repair.dataset, repair.table_name,
                                               coalesce(repair.accept_fewer, false));
    if not found then
      raise notice 'verify found no damage';
    end if;
    return;
  end if;

  select s.stream_id into v_stream_id
    from ampsync_private.stream s
   where s.dataset_id = v_dataset_id
     and s.table_name = repair.table_name
     and s.shadow_of is null;
  v_is_held := ampsync_private.hold_target(v_stream_id);
  select * into v_stream
    from ampsync_private.stream s
   where s.stream_id = v_stream_id
     for key share; -- After the target, as drop_sync has it.
  if not found then -- Perhaps dropped meanwhile.
    perform ampsync_private.check_synced(v_dataset_id, repair.table_name);
  elsif v_stream.target is not null and not v_is_held then
    call ampsync_private.raise_target_moved(v_stream.stream_id);
  end if;

  v_obstacle := ampsync_private.repair_obstacle(v_stream.stream_id, from_block, to_block);
  if v_obstacle = 'range' then
    raise exception using
      errcode = 'SY004',
      message = format('blocks %s to %s are not a range of blocks that table %s holds',
                       coalesce(from_block::text, 'null'), coalesce(to_block::text, 'null'), repair.table_name),
      detail  = format('It holds blocks %s to %s.',
                       coalesce((v_stream.origin + greatest(v_stream.from_block - v_stream.origin, 0))::text, 'none'),
                       coalesce(v_stream.checkpoint_block::text, 'none')),
      hint    = format('select * from ampsync.verify(%L, %L);', repair.dataset, repair.table_name);
  elsif v_obstacle = 'reorg' then
    raise exception using
      errcode = 'SY004',
      message = format('blocks from %s on cannot be repaired yet',
                       (select min(h.first_block) from ampsync_private.history h
                         where h.stream_id = v_stream.stream_id)),
      detail  = 'A reorg may still replace them, and rows without a block hash cannot prove that the server is on the '
                'same chain.',
      hint    = format('Wait until the chain has moved on, or: select ampsync.resync(%L, %L);',
                       repair.dataset, repair.table_name);
  elsif v_obstacle is not null then
    raise exception using
      errcode = 'SY004',
      message = format('table %s cannot be repaired in part', repair.table_name),
      detail  = case v_obstacle
                  when 'query'
                    then 'It has a query, to which no condition is added, so that rows cannot be requested by block.'
                  else 'The server does not offer _block_num for it, so rows cannot be requested by block.'
                end,
      hint    = format('select ampsync.resync(%L, %L);', repair.dataset, repair.table_name);
  end if;

  perform ampsync_private.request_repair(v_stream.stream_id, from_block, to_block,
                                         coalesce(repair.accept_fewer, false));
  state := 'queued';
  return next;
end;
$$;

comment on function ampsync.repair(text, text, bigint, bigint, boolean)
  is 'Fetch blocks again, as a job, and replace their rows in one transaction: a range of one table, or all that '
     'verify finds. Returns what becomes of each range.';
