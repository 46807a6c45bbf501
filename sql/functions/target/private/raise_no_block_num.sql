-- Raises SY201: rows that do not know their block cannot be selected by from_block.
create or replace procedure ampsync_private.raise_no_block_num(
  p_stream_id bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_label  text := ampsync_private.stream_label(p_stream_id);
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  raise exception using
    errcode = 'SY201',
    message = format('table %s cannot begin with block %s', v_stream.table_name, v_stream.from_block),
    detail  = 'The server does not offer _block_num for it, so rows cannot be selected by block.',
    hint    = format(case when v_stream.checkpoint_block is null and v_stream.shadow_of is null
                            then 'select ampsync.alter_sync(%1$L, from_block => 0); select ampsync.resume_sync(%1$L);'
                          else 'select ampsync.resync(%1$L, %2$L, from_block => 0);' end,
                     v_label, v_stream.table_name);
end;
$$;

comment on procedure ampsync_private.raise_no_block_num(bigint)
  is 'Raise SY201: a table whose rows do not know their block cannot have a from_block.';
