-- Closes a writing transaction of an HTTP source: brings the records that were copied into staging into
-- the target, moves the position of each part, counts, empties staging, and checks that the target
-- still has its name and, last, the lease. Sent in one message with COMMIT, so that no client can freeze
-- between the check and the commit.
--
-- p_parts    [{"part", "expected": the position that the caller went on from, "position": the next one,
--            "last": what the last page with records was asked with, absent without such a page,
--            "done": the run of this part has ended, "total": how many records there are, where the API says,
--            "pages": [{"page": its number in the run, from 1, "first": the number of its first record in
--            this commit, from 0, "records", "again": it was read before, absent otherwise}]}]. If the database
--            has another position, somebody else wrote: SY001
-- p_records  how many records were copied; without any, staging is not touched
-- p_values   see record_values: what became of U+0000
--
-- Records that are there already, also those that were set aside before, count as duplicates: the sum of
-- new rows, duplicates and rejected records is that of the records.
--
-- A time more than a day ahead of the clock never becomes the mark from which later runs go on (mark_limit): it
-- is journaled, once in a run, and shown.
--
-- A definition that changed under the pass may name a column for on_conflict that the table does not have yet: it is
-- added here, as the next pass would.
--
-- Deferred constraints are checked at once: they must speak while bad records can still be found.
--
-- Locks, in this order: the target (access exclusive, for 300 ms at most) where a column is added; target rows, the
-- stream row, rows of parts, the staging table, the lease row.
create or replace procedure ampsync_worker.commit_pages(
  p_stream_id bigint,
  p_epoch     bigint,
  p_parts     jsonb,
  p_records   integer,
  p_values    jsonb default null
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream   ampsync_private.stream;
  v_source   jsonb;
  v_policy   text;
  v_inserted bigint := 0;
  v_high     jsonb := '{}';
  v_ahead    timestamptz; -- The latest time that is left out of it.
  v_fields   text[] := '{}';
  v_rejected jsonb[] := '{}';
  v_nulled   jsonb[] := '{}';
  v_state    text;
  v_now      timestamptz := ampsync_private.now();
begin
  set constraints all immediate;

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;
  select ampsync_private.full_source(d.definition), d.value_policy into strict v_source, v_policy
    from ampsync_private.dataset d
   where d.dataset_id = v_stream.dataset_id;

  if p_records > 0 then
    if v_source -> 'on_conflict' ? 'newest'
       and not v_stream.columns @> jsonb_build_array(jsonb_build_object(
                                     'name', v_source -> 'on_conflict' -> 'newest')) then
      perform ampsync_private.prepare_http_target(p_stream_id);
      select * into strict v_stream
        from ampsync_private.stream s
       where s.stream_id = p_stream_id;
    end if;
    if (v_source #>> '{range,sorted}')::boolean then
      perform ampsync_private.check_sorted(v_stream, v_source, p_parts);
    end if;
    select r.inserted, r.high, r.fields, r.rejected, r.nulled
      into strict v_inserted, v_high, v_fields, v_rejected, v_nulled
      from ampsync_private.insert_records(v_stream, v_source, v_policy, p_parts, p_records) r;
    v_ahead := ampsync_private.range_time(v_source -> 'range', v_high);
    if v_ahead > v_now + interval '1 day' then
      v_high := ampsync_private.high_below(v_stream, v_source -> 'range', p_parts, v_rejected,
                                           ampsync_private.mark_limit(v_source -> 'range', v_now));
    else
      v_ahead := null;
    end if;
    v_rejected := ampsync_private.new_rejects(p_stream_id, v_rejected);
  end if;

  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id
     for no key update;
  call ampsync_private.move_parts(p_stream_id, p_epoch, p_parts, v_high);

  -- Not each of many polls that find the same record again.
  if v_stream.ahead is null and v_ahead > coalesce(v_stream.ahead_told, '-infinity') then
    perform ampsync_private.journal(p_stream_id, 'record_ahead', jsonb_build_object(
              'field', v_source #>> '{range,field}', 'time', v_ahead));
    v_stream.ahead_told := v_ahead;
  end if;

  v_state := case when v_stream.state in ('waiting', 'retrying') then 'backfill' else v_stream.state end;
  update ampsync_private.stream s
     set records      = s.records + p_records,
         duplicates   = s.duplicates + p_records - v_inserted - cardinality(v_rejected),
         row_total    = s.row_total + v_inserted,
         seen_fields  = ampsync_private.tell_fields(s, v_fields),
         block_time   = greatest(s.block_time, ampsync_private.range_time(v_source -> 'range', v_high)),
         ahead        = greatest(s.ahead, v_ahead),
         ahead_told   = v_stream.ahead_told,
         committed_at = v_now,
         load_started = case when v_state = 'backfill' then coalesce(s.load_started, v_now) end,
         state        = v_state,
         since        = case when s.state <> v_state then v_now else s.since end,
         attempts     = 0,
         deaths       = 0,
         next_retry   = null,
         error        = null
   where s.stream_id = p_stream_id;
  perform ampsync_private.record_values(p_stream_id, ampsync_private.value_report(v_rejected, v_nulled, p_values));

  if p_records > 0 then
    perform ampsync_private.empty_staging(p_stream_id);
  end if;
  call ampsync_private.check_target_name(v_stream);
  call ampsync_private.check_lease(p_stream_id, p_epoch);
end;
$$;

comment on procedure ampsync_worker.commit_pages(bigint, bigint, jsonb, integer, jsonb)
  is 'Last statement of a writing transaction of an HTTP source: records, positions, lease check; sent with COMMIT.';
