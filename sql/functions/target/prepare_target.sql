-- Creates the target table of a stream, or checks that the existing one fits what the server
-- plans to send. Called once per pass, before any row, so that tables and whatever depends on
-- them can come in any order.
--
-- p_columns        jsonb array of {"name", "type", "not_null"}: the user columns in the order
--                  of the plan, "type" as format_type() writes it. Under value_policy `null`
--                  or not_null false none of them becomes, or stays, NOT NULL
-- p_has_block_num  the server offers `_block_num`: each row knows its own block
--
-- Also checks, with one probe of the primary key, that no row lies above the checkpoint. A
-- transaction of its own.
--
-- Locks: fence (shared), an advisory lock on the name of the target schema while the table is
-- created, then the stream row.
create or replace procedure ampsync_worker.prepare_target(
  p_stream_id     bigint,
  p_epoch         bigint,
  p_has_block_num boolean,
  p_columns       jsonb
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream  ampsync_private.stream;
  v_columns jsonb;
begin
  call ampsync_private.enter_fence(p_stream_id, p_epoch);

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is not null then
    perform ampsync_private.check_target(v_stream);
  end if;
  v_columns := ampsync_private.allow_nulls(p_stream_id, p_columns);
  if not p_has_block_num and v_stream.from_block > 0 then
    call ampsync_private.raise_no_block_num(p_stream_id);
  end if;

  if v_stream.target is null then
    perform pg_advisory_xact_lock(hashtextextended('ampsync.schema:' || v_stream.target_schema, 0));
    select * into strict v_stream -- The same call, abandoned by its caller, may have created it meanwhile.
      from ampsync_private.stream s
     where s.stream_id = p_stream_id;
  end if;

  if v_stream.target is null then
    perform ampsync_private.check_schema(p_stream_id, v_stream.target_schema);
    perform ampsync_private.check_target_free(v_stream.dataset_id, v_stream.table_name,
                                              v_stream.target_schema, v_stream.target_table);

    update ampsync_private.stream s
       set target        = ampsync_private.create_target(v_stream.target_schema, v_stream.target_table,
                                                         p_has_block_num, v_columns),
           columns       = v_columns,
           has_block_num = p_has_block_num
     where s.stream_id = p_stream_id;

    if v_stream.shadow_of is not null then
      perform ampsync_private.check_swappable(p_stream_id);
    end if;

    perform ampsync_private.journal(p_stream_id, 'table_created');
  else
    perform ampsync_private.check_target_fits(p_stream_id, p_has_block_num, v_columns);
  end if;
end;
$$;

comment on procedure ampsync_worker.prepare_target(bigint, bigint, boolean, jsonb)
  is 'Create a stream''s target table, or check that it fits what the server sends.';
