-- Refuses to write into a target that lacks our columns, their key or the index by which blocks
-- are found, that holds rows above the checkpoint, or that was emptied; waiting repairs may fill an
-- emptied table. For the columns of the dataset see plan_evolution.
--
-- Locks: the target (access share).
create or replace function ampsync_private.check_target_fits(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set enable_seqscan = off
  set jit = off
as $$
declare
  v_stream ampsync_private.stream;
  v_key    text[];
  v_fault  text;
  v_remedy text;
  v_tail   boolean;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  perform ampsync_private.hold_target(p_stream_id);
  perform ampsync_private.check_target(v_stream); -- Again: it may have changed while this call waited for it.

  v_key := ampsync_private.key_columns(v_stream.identity);

  select 'Columns of ampsync missing or changed: ' || string_agg(o.name, ', ') into v_fault
    from (values (case when v_stream.identity = 'content' then '_id' end, 'bytea'),
                 (case when v_stream.identity = 'transaction' then '_tx_id' end, 'bigint'),
                 (case when v_stream.identity = 'transaction' then '_row_index' end, 'integer'),
                 ('_block_num_start', 'bigint'), ('_block_num_end', 'bigint'),
                 (case when v_stream.has_block_num then '_block_num' end, 'bigint')) o(name, type)
   where not exists (select 1
                       from pg_attribute a
                      where a.attrelid = v_stream.target
                        and a.attname = o.name
                        and format_type(a.atttypid, a.atttypmod) = o.type);

  if v_fault is null
     and not exists (select 1
                       from pg_index i
                      where i.indrelid = v_stream.target
                        and i.indisunique and i.indisvalid and i.indimmediate
                        and i.indnkeyatts = cardinality(v_key) and i.indpred is null
                        and v_key <@ array(select a.attname::text
                                             from pg_attribute a
                                            where a.attrelid = i.indrelid
                                              and a.attnum = any ((i.indkey::smallint[])[0:i.indnkeyatts - 1]))) then
    v_fault := format('its primary key (%s) is gone', array_to_string(v_key, ', '));
    v_remedy := format('alter table %s add primary key (%s); ', v_stream.target, array_to_string(v_key, ', '));
  end if;

  if v_fault is null
     and v_stream.identity = 'transaction'
     and ampsync_private.serving_index(v_stream.target, 'btree', '{_block_num_end}', '{0}') is null then
    v_fault := 'its index on _block_num_end is gone';
    v_remedy := format('create index on %s (_block_num_end); ', v_stream.target);
  end if;

  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('target table of %s does not fit the schema: %s', v_stream.table_name, v_fault),
      detail  = 'Nothing was written.',
      hint    = format('%sselect ampsync.resume_sync(%L);%s', v_remedy, ampsync_private.stream_label(p_stream_id),
                       case when v_remedy is null then ' -- once the table fits again' end);
  end if;

  execute format('select exists (select 1 from %s t where %s)', v_stream.target,
                 ampsync_private.in_blocks(v_stream.identity, '$1', '281474976710655')) -- 2^48 - 1: see block_prefix.
     into v_tail
    using coalesce(v_stream.checkpoint_block + 1, 0);
  if v_tail then
    raise exception using
      errcode = 'SY201',
      message = format('target table %s holds rows above the checkpoint', v_stream.target),
      detail  = format('The checkpoint is block %s; ampsync never leaves rows above it, so something else wrote them.',
                       coalesce(v_stream.checkpoint_block::text, 'none')),
      hint    = format('delete from %s where _block_num_end > %s; select ampsync.resume_sync(%L);', v_stream.target,
                       coalesce(v_stream.checkpoint_block, -1), ampsync_private.stream_label(p_stream_id));
  end if;

  if not exists (select 1 from ampsync_private.repair r where r.stream_id = p_stream_id) then
    perform ampsync_private.check_target_filled(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.check_target_fits(bigint)
  is 'Raise SY201 unless a stream''s target has our columns and no row above the checkpoint.';
