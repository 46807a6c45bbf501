-- Takes what a poll found, the version that a dataset's tag stands for now, and queues the next
-- poll: one interval after this one began, or, if this one took longer than that, one interval
-- from now, so that polls which are late are left out. Returns what happened:
--
-- version_unchanged     it is followed, or known already
-- new_version_detected  another version, or another content of the same version: it is offered
--                       to the dataset, see offer_version
-- null                  the dataset is not polled any more
--
-- p_manifest_hash: null if the server does not report it; then the version alone is compared.
--
-- Idempotent. Locks: dataset row.
create or replace function ampsync_worker.note_version(
  p_dataset_id     bigint,
  p_version        text,
  p_manifest_hash  text,
  p_has_namespaces boolean,
  p_begun_at       timestamptz,
  p_interval       interval
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_dataset ampsync_private.dataset;
  v_pause   interval;
  v_due     timestamptz;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.is_polled(d)
     for no key update;
  if not found then
    return null;
  end if;

  v_pause := ampsync_private.poll_pause(v_dataset, p_interval, 0);
  v_due := p_begun_at + v_pause;
  if v_due <= ampsync_private.now() then
    v_due := ampsync_private.now() + v_pause;
  end if;
  update ampsync_private.dataset d
     set has_namespaces = p_has_namespaces,
         poll_due       = v_due,
         poll_attempts  = 0,
         poll_error     = null
   where d.dataset_id = p_dataset_id;
  perform ampsync_private.schedule_poll(p_dataset_id, v_due);

  return case when ampsync_private.offer_version(p_dataset_id, p_version, p_manifest_hash)
              then 'new_version_detected' else 'version_unchanged' end;
end;
$$;

comment on function ampsync_worker.note_version(bigint, text, text, boolean, timestamptz, interval)
  is 'Take the version that a poll found, and queue the next poll.';
