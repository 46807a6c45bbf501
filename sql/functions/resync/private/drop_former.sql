-- Removes the former table of a stream and what was kept with it, if there is one.
--
-- Locks: the former table (access exclusive), then its stream row and the rows that refer to it.
create or replace function ampsync_private.drop_former(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_former ampsync_private.stream;
begin
  select * into v_former
    from ampsync_private.stream s
   where s.shadow_of = p_stream_id
     and s.state = 'former';
  if exists (select 1 from pg_class c where c.oid = v_former.target) then
    call ampsync_private.check_may_drop(v_former.target);
    execute format('drop table %s', v_former.target);
  end if;

  delete from ampsync_private.stream s
   where s.stream_id = v_former.stream_id;
end;
$$;

comment on function ampsync_private.drop_former(bigint)
  is 'Drop the former table of a stream, if there is one.';
