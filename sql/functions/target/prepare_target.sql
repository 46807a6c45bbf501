-- Creates the target table of a stream, or makes the existing one fit what the server plans to
-- send (plan_evolution). Called once per pass, before any row, so that tables and whatever
-- depends on them can come in any order. Returns the user columns in the order in which they
-- are stored, which is the one that `_id` is hashed in. Null: others use a table that has to be
-- changed, and ampsync.streams shows who; call again after 1, 2, 4 … 30 s.
--
-- p_columns        jsonb array of {"name", "type", "not_null"}: the user columns in the order
--                  of the plan, "type" as format_type() writes it. Under value_policy `null`
--                  or not_null false none of them becomes, or stays, NOT NULL
-- p_has_block_num  the server offers `_block_num`: each row knows its own block
-- p_attempt        1 for the first call of a pass
--
-- The shadow of a resync takes the order of the columns of its stream, whose table is made to
-- fit as well: otherwise every row would have another _id, and the swap would replace them all.
-- A table that cannot be made to fit will be replaced; SY201 before anything is loaded if that
-- is impossible.
--
-- Also checks, with one probe of the primary key, that no row lies above the checkpoint. A
-- transaction of its own.
--
-- Locks: fence (shared), an advisory lock on the name of the target schema while the table is
-- created, the target (access share; access exclusive, for 300 ms at most, if it has to be
-- changed), then the stream row, then rows of target_index; then as log_schema.
create or replace function ampsync_worker.prepare_target(
  p_stream_id     bigint,
  p_epoch         bigint,
  p_has_block_num boolean,
  p_columns       jsonb,
  p_attempt       integer default 1
)
  returns text[]
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_waits   jsonb;
  v_columns jsonb;
  v_target  regclass;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is not null then
    perform ampsync_private.check_target(v_stream);
  else
    perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || v_stream.target_schema, 0));
    select * into strict v_stream -- The same call, abandoned by its caller, may have created it meanwhile.
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
  end if;

  if not p_has_block_num and v_stream.from_block > 0 then
    call ampsync_private.raise_no_block_num(p_stream_id);
  end if;

  if exists (select 1
               from ampsync_private.lease l
              where l.stream_id = p_stream_id
                and (l.version, l.manifest_hash) is distinct from (v_stream.version, v_stream.manifest_hash)) then
    return null; -- The columns are those of a version that is no longer followed. A heartbeat ends this pass.
  end if;

  select ampsync_private.evolve_target(l.stream_id, p_has_block_num, p_columns, p_attempt) into v_waits
    from ampsync_private.stream l
   where l.stream_id = v_stream.shadow_of
     and (l.version, l.manifest_hash) is not distinct from (v_stream.version, v_stream.manifest_hash)
     and not exists (select 1
                       from ampsync_private.plan_evolution(l.stream_id, p_has_block_num, p_columns) e
                      where e.action = 'refuse');
  if v_stream.target is not null and v_waits is null then
    v_waits := ampsync_private.evolve_target(p_stream_id, p_has_block_num, p_columns, p_attempt);
  end if;
  if v_waits is not null then
    perform ampsync_worker.mark_retrying(p_stream_id, p_epoch, v_waits);
    return null;
  end if;

  if v_stream.target is null then
    v_columns := ampsync_private.first_columns(p_stream_id, p_columns);
    perform ampsync_private.check_swappable(l.stream_id, p_has_block_num, v_columns)
       from ampsync_private.stream l
       join pg_class c on c.oid = l.target
      where l.stream_id = v_stream.shadow_of;
    perform ampsync_private.check_schema(p_stream_id, v_stream.target_schema);
    perform ampsync_private.check_target_free(v_stream.dataset_id, v_stream.table_name,
                                              v_stream.target_schema, v_stream.target_table);
    v_target := ampsync_private.create_target( -- Not in the UPDATE, which evaluates again what it has waited for.
                  v_stream.target_schema, v_stream.target_table, p_has_block_num, v_columns,
                  v_stream.identity);
    update ampsync_private.stream s
       set target        = v_target,
           columns       = v_columns,
           has_block_num = p_has_block_num
     where s.stream_id = p_stream_id;
    perform ampsync_private.journal(p_stream_id, 'table_created');
  else
    perform ampsync_private.check_target_fits(p_stream_id);
  end if;
  perform ampsync_private.plan_indexes(p_stream_id, false);
  perform ampsync_private.log_schema(s.stream_id)
     from ampsync_private.stream s
    where s.stream_id in (p_stream_id, v_stream.shadow_of);

  return (select array_agg(c.value ->> 'name' order by c.ordinality)
            from ampsync_private.stream s
           cross join jsonb_array_elements(s.columns) with ordinality c
           where s.stream_id = p_stream_id);
end;
$$;

comment on function ampsync_worker.prepare_target(bigint, bigint, boolean, jsonb, integer)
  is 'Create a stream''s target, or make it fit what the server sends; its columns in order, null to call again.';
