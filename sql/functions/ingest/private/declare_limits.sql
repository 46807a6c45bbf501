-- Gives a bucket the windows that a definition declares. p_windows: a jsonb array of {"requests",
-- "per_s"}; null for a source that declares none and shares those of others. Numbers that the server
-- tells stand until other ones are declared. Windows that nobody declares any more go, told ones too:
-- their next answer brings them back.
--
-- Called by the first step of every pass. Idempotent: where nothing differs nothing is locked. Locks:
-- the advisory lock of the bucket, until the transaction ends, so this is its last step.
create or replace function ampsync_private.declare_limits(
  p_bucket  text,
  p_windows jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_windows constant jsonb := coalesce(p_windows, '[{"per_s": 60}]');
  v_window  record;
begin
  if exists (select 1 from ampsync_private.rate_limit l where l.bucket = p_bucket)
     and not exists (select 1
                       from jsonb_to_recordset(v_windows) w(per_s integer, requests integer)
                       full join (select l.per_s, l.declared
                                    from ampsync_private.rate_limit l
                                   where l.bucket = p_bucket) l using (per_s)
                      where w.requests is distinct from l.declared)
     or p_windows is null and ampsync_private.is_declared(p_bucket) then
    return;
  end if;

  perform ampsync_private.lock_bucket(p_bucket);
  for v_window in
    select w.per_s, w.requests
      from jsonb_to_recordset(v_windows) w(per_s integer, requests integer)
     order by 1
  loop
    update ampsync_private.rate_limit l
       set requests = v_window.requests,
           declared = v_window.requests,
           next_at  = case when l.refusals = 0 then least(l.next_at, ampsync_private.now()) else l.next_at end
     where l.bucket = p_bucket
       and l.per_s = v_window.per_s;
    if not found then
      perform ampsync_private.add_window(p_bucket, v_window.per_s, v_window.requests, v_window.requests);
    end if;
  end loop;

  delete from ampsync_private.rate_limit l
   where l.bucket = p_bucket
     and l.per_s not in (select w.per_s from jsonb_to_recordset(v_windows) w(per_s integer));
end;
$$;

comment on function ampsync_private.declare_limits(text, jsonb)
  is 'Give a bucket the windows that definitions declare.';
