-- Stores lines of the one large transaction that a pass is receiving (n is 0 in all of them), ahead of its end.
-- No reader sees them, for no entry of the log names their tx_id yet: so a transaction of any size takes bounded
-- memory in a worker. Returns how many rows were stored. Called again with the lines of the call before, whose
-- answer was lost, it stores none.
--
-- Not durable by itself: commit_capture, which names these rows, is flushed after them; what a crash takes away
-- before is sent again.
--
-- What commit_capture has to know of them is kept in capture.large_notes:
-- {"rows", "last": place, "first": {published_id: place of its first row}, "truncated": [published_id],
--  "refused": see store_lines, "nulls": {published_id: [column]}, see null_columns}
--
-- Errors: SY001. Locks: the row of capture, which take_capture needs: so nothing of an older generation comes
-- after it.
create or replace function ampsync_worker.store_changes(
  p_generation bigint,
  p_lines      text
)
  returns bigint
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_capture ampsync_private.capture := ampsync_private.hold_capture(p_generation);
  v_tx_id   bigint := coalesce(v_capture.large_tx, nextval('ampsync_private.tx_id'));
  v_notes   jsonb := coalesce(v_capture.large_notes, '{"rows": 0, "last": -1, "truncated": [], "refused": []}');
  v_last    integer := (substring(left(split_part(rtrim(p_lines, chr(10)), chr(10), -1), 40)
                                  from '^ *[[] *[0-9]+ *, *([0-9]+)'))::integer;
  v_rows    bigint;
  v_refused jsonb;
begin
  perform ampsync_private.commit_async();
  if v_last <= (v_notes ->> 'last')::integer then
    return 0;
  end if;
  perform ampsync_private.add_change_partitions(v_tx_id, v_tx_id);
  select s.stored, s.refused into v_rows, v_refused
    from ampsync_private.store_lines(array[v_tx_id], p_lines, ampsync_private.starting_tables()) s;
  if p_lines ~ '"truncate"' then
    v_notes := jsonb_set(v_notes, '{truncated}', (v_notes -> 'truncated') || (
      select coalesce(jsonb_agg(distinct c.published_id), '[]')
        from ampsync_private.change c
       where c.tx_id = v_tx_id
         and c.operation = 'truncate'
         and c.seq > (v_notes ->> 'last')::integer));
  end if;
  v_capture.large_tx := v_tx_id;
  v_capture.large_notes := v_notes;
  v_notes := v_notes || jsonb_build_object(
               'nulls', coalesce(ampsync_private.large_nulls(v_capture) -> v_tx_id::text, '{}'),
               'first', (select coalesce(jsonb_object_agg(f.published_id::text, f.seq), '{}')
                           from (select c.published_id, min(c.seq) as seq
                                   from ampsync_private.change c
                                  where c.tx_id = v_tx_id
                                    and c.seq > (v_notes ->> 'last')::integer
                                  group by c.published_id) f) || coalesce(v_notes -> 'first', '{}'));
  update ampsync_private.capture c
     set large_tx    = v_tx_id,
         large_notes = v_notes || jsonb_build_object('rows', (v_notes ->> 'rows')::bigint + v_rows, 'last', v_last,
                                                     'refused', (v_notes -> 'refused') || v_refused),
         stored_at   = ampsync_private.now()
   where c.generation = p_generation;
  return v_rows;
end;
$$;

comment on function ampsync_worker.store_changes(bigint, text)
  is 'Store changes of a transaction that has not ended yet, which nobody sees before commit_capture.';
