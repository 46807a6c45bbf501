-- How far that is which clients of these shapes wait for: snapshots that are not ready yet, in rows, of as many as the
-- planner expected; and tables of datasets that are being filled, in what ampsync.progress counts. Read by gateways for
-- all their clients together, every few seconds.
--
-- Returns [{"shape_id", "key", "done", "of"}]; key null: the table that is filled; of null: nobody knows.
create or replace function ampsync_worker.load_progress(
  p_shapes integer[]
)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  with snapshot as (
    select s.shape_id, s.key, max(c.rows) as done, max(s.expected) as expected
      from ampsync_private.snapshot s
     cross join lateral (select coalesce(sum(k.rows), 0) as rows
                           from ampsync_private.snapshot_chunk k
                          where k.snapshot_id = s.snapshot_id
                            and s.state = 'building') c
     where s.shape_id = any (p_shapes)
       and s.state in ('queued', 'building')
     group by s.shape_id, s.key
  ), filled as (
    select h.shape_id, g.done, g.total
      from ampsync_private.shape h
      join ampsync_private.published p using (published_id)
      join ampsync_private.stream m on m.stream_id = p.stream_id and m.state = 'backfill'
      join ampsync.progress g on g.stream_id = p.stream_id
     where h.shape_id = any (p_shapes)
       and g.done is not null
  )
  select coalesce(jsonb_agg(jsonb_build_object('shape_id', o.shape_id, 'key', o.key, 'done', o.done::text,
                                               'of', case when o.expected is not null
                                                          then greatest(o.expected, o.done)::text end)
                            order by o.shape_id, o.key), '[]')
    from (select s.shape_id, s.key, s.done, s.expected from snapshot s
          union all
          select f.shape_id, null, f.done, f.total from filled f) o;
$$;

comment on function ampsync_worker.load_progress(integer[])
  is 'How far that is which clients of these shapes wait for.';
