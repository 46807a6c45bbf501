-- Removes the shadow of a stream, if there is one, with its table. Whoever still works for it
-- finds it gone; the build of its indexes is ended.
--
-- Locks: the table of the shadow, then its stream row and the rows that refer to it.
create or replace function ampsync_private.drop_shadow(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shadow ampsync_private.stream;
begin
  select * into v_shadow
    from ampsync_private.stream s
   where s.shadow_of = p_stream_id
     and s.state <> 'former';
  if exists (select 1 from pg_class c where c.oid = v_shadow.target) then
    perform ampsync_private.end_swaps(v_shadow.dataset_id, v_shadow.target);
    call ampsync_private.check_may_drop(v_shadow.target);
    execute format('drop table %s', v_shadow.target);
  end if;

  delete from ampsync_private.stream s
   where s.stream_id = v_shadow.stream_id;
end;
$$;

comment on function ampsync_private.drop_shadow(bigint)
  is 'Drop the shadow of a stream under resync, if there is one.';
