-- Gives an HTTP source without a table the one that is there, where its definition says `adopt`: by its OID, so that
-- another one that gets its name later is not taken for it. SY003, SY201 and 42501 as check_http_target.
--
-- Called by the door, which knows who asks. A table that is made later is taken by its next call alone. Idempotent.
--
-- Locks: the stream row.
create or replace function ampsync_private.adopt_target(
  p_dataset   ampsync_private.dataset,
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  if v_stream.target is null then
    update ampsync_private.stream s
       set target = t.adopted, columns = '[]', has_block_num = false
      from (select ampsync_private.check_http_target(p_dataset, v_stream.target_schema, v_stream.target_table)
              as adopted) t
     where s.stream_id = p_stream_id
       and t.adopted is not null;
  end if;
end;
$$;

comment on function ampsync_private.adopt_target(ampsync_private.dataset, bigint)
  is 'Give an HTTP source the table that is there, where its definition says so.';
