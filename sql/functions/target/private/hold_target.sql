-- Locks the target of a stream for reading, wherever it is now: from here on it can be neither
-- dropped nor renamed, nor lose a column, until this transaction ends. False if it is gone, also
-- if that happened while this call waited for its lock.
--
-- A table of an owner who is not trusted is refused (SY201) before anything of it could run.
--
-- Called before the first statement that reads rows by name.
--
-- Locks: the target (access share).
create or replace function ampsync_private.hold_target(
  p_stream_id bigint
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_target regclass;
  v_name   text;
begin
  select s.target into v_target
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  loop
    v_name := v_target::text;
    if v_name is null or v_name ~ '^[0-9]+$' then -- The OID, without quotes: no table has it any more.
      return false;
    end if;
    call ampsync_private.check_readable(p_stream_id, v_target);
    begin
      execute format('select from %s limit 0', v_name); -- LOCK TABLE is not allowed where nothing may be written.
      if v_target::text = v_name then
        call ampsync_private.check_readable(p_stream_id, v_target); -- Given away, perhaps, while it waited.
        return true;
      end if;
    exception
      when undefined_table or invalid_schema_name then
        null; -- Renamed, or dropped, while it waited.
    end;
  end loop;
end;
$$;

comment on function ampsync_private.hold_target(bigint)
  is 'Lock the target of a stream for reading; false if it is gone.';
