-- Lets an HTTP source be read from its beginning again, into the same table: its position is forgotten.
-- A paused source stays paused. If its table was dropped, the next pass makes it again.
--
-- Called after revoke_lease, so that no page that was read before is committed any more.
--
-- Locks: rows of parts, stream row, rows of graphile_worker.
create or replace function ampsync_private.restart_source(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_state text;
begin
  delete from ampsync_private.part p where p.stream_id = p_stream_id;

  update ampsync_private.stream s
     set target = null, columns = null, has_block_num = null, row_total = 0, rewrites = s.rewrites + 1
   where s.stream_id = p_stream_id
     and s.target is not null
     and not exists (select from pg_class c where c.oid = s.target);

  update ampsync_private.stream s
     set state        = case when s.state in ('waiting', 'paused') then s.state else 'retrying' end,
         since        = case when s.state in ('waiting', 'paused', 'retrying') then s.since
                             else ampsync_private.now() end,
         run_due      = null,
         ahead        = null,
         ahead_told   = null,
         attempts     = 0,
         deaths       = 0,
         next_retry   = null,
         error        = null,
         load_started = null,
         load_from    = null
   where s.stream_id = p_stream_id
  returning s.state into v_state;
  if v_state <> 'paused' then
    perform ampsync_private.schedule_stream(p_stream_id);
  end if;
end;
$$;

comment on function ampsync_private.restart_source(bigint)
  is 'Let an HTTP source be read from its beginning again, into the same table.';
