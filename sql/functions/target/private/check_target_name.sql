-- Refuses to go on where the name under which a stream's rows are written does not, or no
-- longer, mean its target. Asked again at the end of every writing transaction: the table is
-- locked there, but its schema can still be renamed.
create or replace procedure ampsync_private.check_target_name(
  p_stream ampsync_private.stream
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if to_regclass(format('%I.%I', p_stream.target_schema, p_stream.target_table)) is distinct from p_stream.target then
    call ampsync_private.raise_target_moved(p_stream.stream_id);
  end if;
end;
$$;

comment on procedure ampsync_private.check_target_name(ampsync_private.stream)
  is 'Raise SY205 or SY201 unless the name of a stream''s target still means it.';
