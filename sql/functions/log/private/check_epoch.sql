-- The present epoch of the log; begins a new one if this is not the server that the newest one began
-- on. A restored or promoted server may not have all positions that were handed out, so whoever saw
-- one above the head of its beginning (`forked_at`) must not go on. Each start of the server begins
-- an epoch: a copied folder differs from the original in nothing else, and it costs one row.
--
-- Locks: the log lock, and only if an epoch begins.
create or replace function ampsync_private.check_epoch()
  returns uuid
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last   ampsync_private.log_epoch;
  v_now    record;
  v_reason text;
  v_head   bigint;
  v_epoch  uuid;
begin
  v_now := ampsync_private.server_identity();
  for v_look in 1 .. 2 loop
    select * into v_last
      from ampsync_private.log_epoch e
     order by e.number desc
     limit 1;
    v_reason := case
      when v_last.epoch is null then 'the log began'
      when v_last.system_identifier <> v_now.system_identifier then 'this is another cluster'
      when v_last.timeline <> v_now.timeline then 'this server was promoted or restored'
      when v_last.database_oid <> v_now.database_oid then 'this is another database'
      when v_last.server_started_at <> v_now.server_started_at then 'the server was started'
    end;
    exit when v_reason is null or v_look = 2;
    perform ampsync_private.lock_log(); -- And look again: somebody else may have begun it.
  end loop;
  if v_reason is null then
    return v_last.epoch;
  end if;

  perform ampsync_private.commit_durably();
  v_head := ampsync_private.log_head();
  insert into ampsync_private.log_epoch
         (epoch, started_at, system_identifier, timeline, database_oid, server_started_at, forked_at, reason)
  values (gen_random_uuid(), ampsync_private.now(), v_now.system_identifier, v_now.timeline, v_now.database_oid,
          v_now.server_started_at, v_head, v_reason)
  returning log_epoch.epoch into v_epoch;
  if v_last.epoch is not null then
    perform ampsync_private.journal(null, 'log_forked',
              jsonb_build_object('epoch', v_epoch, 'forked_at', v_head, 'reason', v_reason));
  end if;
  return v_epoch;
end;
$$;

comment on function ampsync_private.check_epoch()
  is 'The present epoch of the log; a new one begins where the server is not the one it was.';
