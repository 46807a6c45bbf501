-- Removes snapshots that nobody has used for longest, until the chunks of all take no more than that many bytes; and
-- those that have expired. Returns how many.
--
-- Locks: rows of snapshots that are free.
create or replace function ampsync_private.shed_snapshots(
  p_bytes bigint
)
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now     timestamptz := ampsync_private.now();
  v_removed integer;
begin
  with size as (
    select s.snapshot_id, s.state, s.used_at, s.expires_at, s.created_at, coalesce(c.bytes, 0) as bytes
      from ampsync_private.snapshot s
      left join (select k.snapshot_id, sum(octet_length(k.body)) as bytes
                   from ampsync_private.snapshot_chunk k
                  group by k.snapshot_id) c using (snapshot_id)
  ), placed as (
    select z.*, sum(z.bytes) over (order by z.state <> 'building', z.used_at desc nulls first, z.snapshot_id)
                  as reached
      from size z
  ), gone as materialized (
    select o.snapshot_id
      from ampsync_private.snapshot o
      join placed p using (snapshot_id)
     where p.state = 'ready' and (p.expires_at < v_now or p.reached > p_bytes and p.bytes > 0)
        or p.state = 'failed' and p.created_at < v_now - interval '1 hour'
        or p.state in ('queued', 'ready') and not exists (select from ampsync_private.shape h
                                                           where h.shape_id = o.shape_id)
       for update of o skip locked
  ), emptied as (
    delete from ampsync_private.snapshot_chunk c
     using gone g
     where c.snapshot_id = g.snapshot_id
  )
  delete from ampsync_private.snapshot s
   using gone g
   where s.snapshot_id = g.snapshot_id;
  get diagnostics v_removed = row_count;
  return v_removed;
end;
$$;

comment on function ampsync_private.shed_snapshots(bigint)
  is 'Remove snapshots that expired, and those that nobody has used for longest, beyond that many bytes.';
