-- The snapshots of instances of a shape, which a client is to load: those that are there, of the present definition;
-- for others a job is queued. An instance that is expected to have at most 2,000 rows is `small`: the gateway reads
-- it itself (log_point, shape_rows); of several that are asked for together, so many that they have at most 20,000.
-- To be asked again until all are ready or failed; NOTIFY ampsync_gateway tells when.
--
-- p_from  rows turned out to be more than was expected: none of these is small, and a snapshot that is ready is of no
--         use if it is of a position below
--
-- Returns, by key, [{"key", "small", "snapshot", "state", "error", "definition", "epoch", "position", "stamp",
-- "settled", "since", "visible", "rows", "bytes", "checksum", "chunks": [{"n", "rows", "bytes", "xxh64"}]}]. A ready
-- one is given out only if all its chunks are there, and if what changed since can still be sent. A failed one is
-- made anew 10 s later.
--
-- Locks: rows of snapshots that it finds spoiled; advisory locks on instances without one, in the order of their keys;
-- rows of graphile_worker.
create or replace function ampsync_worker.ensure_snapshot(
  p_client uuid,
  p_shape  integer,
  p_keys   text[],
  p_from   bigint default null
)
  returns jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_shape   ampsync_private.shape;
  v_key     text;
  v_rows    bigint;
  v_small   bigint := 0;
  v_found   ampsync_private.snapshot;
  v_answers jsonb := '[]';
begin
  select * into v_shape from ampsync_private.shape s where s.shape_id = p_shape;
  for v_key in select distinct k.key from unnest(p_keys) k(key) order by 1 loop -- One order for all who ask.
    v_found := ampsync_private.usable_snapshot(v_shape, v_key, p_from);
    v_rows := case when v_found.snapshot_id is null and p_from is null
                     then ampsync_private.estimate_rows(p_shape, v_key) end;
    if v_rows <= 2000 and v_small + v_rows <= 20000 then
      v_small := v_small + v_rows;
      v_answers := v_answers || jsonb_build_object('key', v_key, 'small', true);
    else
      if v_found.snapshot_id is null then
        v_found := ampsync_private.queue_snapshot(v_shape, v_key, p_client, p_from, v_rows);
      end if;
      v_answers := v_answers || ampsync_private.snapshot_report(v_found);
    end if;
  end loop;
  return v_answers;
end;
$$;

comment on function ampsync_worker.ensure_snapshot(uuid, integer, text[], bigint)
  is 'The snapshots of instances that a client is to load, or that they are small; queues those that are missing.';
