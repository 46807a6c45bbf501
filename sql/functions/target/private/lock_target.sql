-- Locks the target of a stream by the name that COPY will use, and proves that it is the table
-- created for the stream: from here on it can be neither renamed nor dropped nor emptied. Its
-- schema can still be renamed, so check_target_name is called again before the commit.
--
-- Locks: the target (row exclusive).
create or replace procedure ampsync_private.lock_target(
  p_stream_id bigint
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_name   text;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  v_name := format('%I.%I', v_stream.target_schema, v_stream.target_table);
  if to_regclass(v_name) = v_stream.target then
    begin
      execute format('lock table %s in row exclusive mode', v_name);
    exception
      when undefined_table or invalid_schema_name then
        null; -- Renamed or dropped while this call waited: check_target says which.
      when insufficient_privilege then
        perform ampsync_private.check_target(v_stream); -- Somebody else's, perhaps, which says more.
        raise;
    end;
  end if;
  perform ampsync_private.check_target(v_stream);
end;
$$;

comment on procedure ampsync_private.lock_target(bigint)
  is 'Lock a stream''s target by its name and prove that it is the stream''s table.';
