-- Says where a dataset is read from, if not from the Amp server of the workers. A function of its
-- own, so that EXECUTE on it can be granted apart from ampsync.enqueue_sync: whoever may call it
-- makes workers connect to a host of their choice. Workers send their token to none but the hosts
-- of their own settings (src/amp-servers.ts), so nobody can aim it elsewhere.
--
-- flight_addr  Arrow Flight, for example https://amp.example:1602
-- admin_addr   its Admin API, or `off`: there is none
--
-- Null, the default, leaves an address as it is, '' takes it back: workers use AMP_FLIGHT_ADDR and
-- AMP_ADMIN_API_ADDR again. Returns what holds from now on, null for an address of the workers, so
-- that a call with the dataset alone only shows.
--
-- Another flight_addr revokes the leases of the dataset: nothing that came from the old address is
-- committed after this call's transaction, and passes go on from their checkpoints at the new one.
-- A server with another chain is met there like a reorg. After a change of either address a
-- reload under way is given up, and versions are looked for at once. Idempotent.
--
-- Locks: dataset row, then for each stream fence (exclusive), stream row, lease row; then the
-- advisory lock on the heads of the dataset, their rows and that of the answer for explain_sync.
create or replace function ampsync.set_source(
  inout dataset     text,
  inout flight_addr text default null,
  inout admin_addr  text default null
)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_dataset_id bigint;
  v_old        ampsync_private.dataset;
  v_new        ampsync_private.dataset;
  v_stream_id  bigint;
begin
  perform ampsync_private.check_address(set_source.dataset, 'flight_addr', set_source.flight_addr);
  if set_source.admin_addr is distinct from 'off' then
    perform ampsync_private.check_address(set_source.dataset, 'admin_addr', set_source.admin_addr);
  end if;

  v_dataset_id := ampsync_private.lock_reference(set_source.dataset);
  perform ampsync_private.refuse_http(v_dataset_id, 'set_source',
                                      ampsync_private.http_statement(set_source.dataset));
  select * into v_old
    from ampsync_private.dataset d
   where d.dataset_id = v_dataset_id;
  update ampsync_private.dataset d
     set flight_addr = nullif(coalesce(set_source.flight_addr, d.flight_addr), ''),
         admin_addr  = nullif(coalesce(set_source.admin_addr, d.admin_addr), '')
   where d.dataset_id = v_dataset_id
  returning * into v_new;
  dataset := v_new.label;
  flight_addr := v_new.flight_addr;
  admin_addr := v_new.admin_addr;
  if (v_new.flight_addr, v_new.admin_addr) is not distinct from (v_old.flight_addr, v_old.admin_addr) then
    return;
  end if;

  perform ampsync_private.journal(null, 'source_changed', jsonb_build_object(
            'from', jsonb_build_object('flight_addr', v_old.flight_addr, 'admin_addr', v_old.admin_addr),
            'to', jsonb_build_object('flight_addr', v_new.flight_addr, 'admin_addr', v_new.admin_addr)),
            v_dataset_id);

  if v_new.flight_addr is distinct from v_old.flight_addr then
    for v_stream_id in
      select s.stream_id
        from ampsync_private.stream s
       where s.dataset_id = v_dataset_id
         and not ampsync_private.is_halted(s.state)
       order by s.stream_id
    loop
      perform ampsync_private.revoke_lease(v_stream_id);
      update ampsync_private.stream s
         set next_retry = null
       where s.stream_id = v_stream_id
         and s.next_retry is not null;
      perform ampsync_private.schedule_stream(v_stream_id);
    end loop;

    perform pg_advisory_xact_lock(ampsync_private.heads_key(v_dataset_id)); -- See there: heartbeats go round it.
    delete from ampsync_private.head e where e.dataset_id = v_dataset_id;
  end if;

  delete from ampsync_private.answer a
   where (a.namespace, a.name) = (v_new.namespace, v_new.name)
     and a.revision is not distinct from v_new.revision;

  update ampsync_private.dataset d -- A version that was refused or rolled back stays so.
     set offered_version  = null,
         offered_hash     = null,
         offered_attempts = 0,
         offered_retry    = null,
         offered_error    = null,
         quiesce_until    = null
   where d.dataset_id = v_dataset_id
     and not d.offered_declined;
  if v_new.state = 'waiting' then
    update ampsync_private.dataset d
       set attempts = 0, next_retry = null, error = null
     where d.dataset_id = v_dataset_id;
    perform ampsync_private.schedule_resolve(v_dataset_id);
  end if;
  perform ampsync_private.start_polling(v_dataset_id, interval '0');
end;
$$;

comment on function ampsync.set_source(text, text, text)
  is 'Say which Amp server a dataset is read from; with the dataset alone it only shows that.';
