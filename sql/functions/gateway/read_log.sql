-- What the log says above a position, for a gateway: how far the next step goes, and all of it but rows (read_shapes)
-- and blocks (shape_rows), which are to be read in the same snapshot. So the transaction around it is REPEATABLE READ
-- and READ ONLY.
--
-- p_after         rows: captured transactions were read up to here. Null: they are not wanted
-- p_blocks_after  blocks: tables of datasets were read at here. Null: they are not wanted
-- p_epoch         with what both were seen; SY406 if the log is another one by now
-- p_clients       whose own transactions are named; null: of all
-- p_least         the step goes up to here at least, if that is above where it would end
--
-- to          the last whole transaction of this step (log_page); tables of datasets in this snapshot are those of
--             `head`
-- stamp, blocks_stamp, to_stamp, head_stamp  of p_after, p_blocks_after, to and head; null where there is no such entry
-- too_large   the rows in (p_after, to] may be more than a frame may hold: large_shapes tells of which shapes
-- definitions  see definitions_stamp
-- entries     about tables (log_notes)
-- blocks      [{"published_id", "table", "dataset", "shapes", "large", "ranges"}] that may differ since p_blocks_after;
--             large: shapes whose rows in them are more than a frame may hold (blocks_behind)
-- datasets    where they stand (dataset_blocks)
-- own         [{"position", "client", "tx"}] in (p_after, to]
-- low         by shape: blocks below it do not belong to the shape in this snapshot
create or replace function ampsync_worker.read_log(
  p_after        bigint,
  p_epoch        uuid,
  p_blocks_after bigint,
  p_clients      uuid[] default null,
  p_least        bigint default null
)
  returns jsonb
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_head   bigint := ampsync_private.log_head();
  v_page   record;
  v_is_large boolean;
  v_blocks jsonb := '[]';
  v_datasets jsonb := '[]';
  v_own    jsonb := '[]';
begin
  perform ampsync_private.check_same_log(p_epoch, greatest(p_after, p_blocks_after));
  v_page := ampsync_private.log_page(p_after);
  v_is_large := ampsync_private.is_too_large(v_page.changes, v_page.bytes);
  if p_least > v_page.upto then
    v_page.upto := least(p_least, v_head);
    v_is_large := ampsync_private.rows_behind(p_after, v_page.upto);
  end if;
  if p_blocks_after < v_head then
    select coalesce(jsonb_agg(b.entry order by b.published_id), '[]'),
           coalesce((select jsonb_agg(ampsync_private.dataset_blocks(i.id) order by i.id)
                       from unnest(array_agg(distinct b.dataset_id)) i(id)), '[]')
      into v_blocks, v_datasets
      from (select d.published_id, s.dataset_id,
                   jsonb_build_object(
                     'published_id', d.published_id, 'table', format('%I.%I', p.schema_name, p.table_name),
                     'dataset', t.label, 'ranges', d.ranges,
                     'shapes', h.shapes, 'large', h.large) as entry
              from ampsync_private.dirty_blocks(p_blocks_after) d
              join ampsync_private.published p using (published_id)
              join ampsync_private.stream s using (stream_id)
              join ampsync_private.dataset t using (dataset_id)
             cross join lateral (
               select jsonb_agg(n.shape_id order by n.shape_id) as shapes,
                      coalesce(jsonb_agg(n.shape_id order by n.shape_id)
                                 filter (where ampsync_private.blocks_behind(d.published_id, p_blocks_after, n.low)),
                               '[]') as large
                 from ampsync_private.shape n
                where n.published_id = d.published_id) h
             where p.state = 'live') b;
  end if;
  if v_page.upto > p_after then
    select coalesce(jsonb_agg(jsonb_build_object('position', t.position::text, 'client', t.client_id,
                                                 'tx', t.client_tx) order by t.position), '[]')
      into v_own
      from ampsync_private.change_tx t
     where t.position > p_after
       and t.position <= v_page.upto
       and t.client_id is not null
       and (p_clients is null or t.client_id = any (p_clients));
  end if;

  return jsonb_build_object(
    'head', v_head::text,
    'to', v_page.upto::text,
    'stamp', ampsync_private.log_stamp(p_after)::text,
    'blocks_stamp', ampsync_private.log_stamp(p_blocks_after)::text,
    'to_stamp', ampsync_private.log_stamp(v_page.upto)::text,
    'head_stamp', ampsync_private.log_stamp(v_head)::text,
    'at', (select ampsync_private.utc_text(t.recorded_at)
             from ampsync_private.change_tx t where t.position = v_page.upto),
    'now', ampsync_private.utc_text(ampsync_private.now()),
    'schema', ampsync_private.present_version(),
    'too_large', coalesce(v_is_large, false),
    'definitions', ampsync_private.definitions_stamp(),
    'entries', ampsync_private.log_notes(p_after, v_page.upto, p_blocks_after),
    'blocks', v_blocks,
    'datasets', v_datasets,
    'own', v_own,
    'low', (select coalesce(jsonb_object_agg(s.shape_id, s.low::text), '{}')
              from ampsync_private.shape s where s.low is not null));
end;
$$;

comment on function ampsync_worker.read_log(bigint, uuid, bigint, uuid[], bigint)
  is 'What the log says above a position, but for rows and blocks: how far to go, what became of tables, dirty blocks.';
