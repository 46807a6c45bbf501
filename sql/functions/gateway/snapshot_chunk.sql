-- One chunk of a snapshot, as it is stored, for whoever has a token whose claims give that instance. status is that
-- of the answer by HTTP (chunk_status); 410 also where the chunk is gone.
create or replace function ampsync_worker.snapshot_chunk(
  p_snapshot uuid,
  p_n        integer,
  p_token    jsonb,
  out status integer,
  out body   bytea
)
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
begin
  status := ampsync_worker.chunk_status(p_snapshot, p_n, p_token);
  if status = 200 then
    body := (select c.body from ampsync_private.snapshot_chunk c where c.snapshot_id = p_snapshot and c.n = p_n);
    if body is null then
      status := 410;
      perform ampsync_private.spoil_snapshot(p_snapshot, 'chunks of it are gone');
    end if;
  end if;
end;
$$;

comment on function ampsync_worker.snapshot_chunk(uuid, integer, jsonb)
  is 'One chunk of a snapshot, for whoever has a token whose claims give that instance.';
