-- Raises SY307 where records do not come in the order of the range although the definition says so: a
-- value of a page lies below what was there before in the same run, by more than the lookback and the two
-- granules that bounds are widened by. A restart would begin at the greatest value, and lose it.
--
-- A time that is no mark (mark_limit) is none here: nothing begins at it.
--
-- A page that is read again, because the position behind it has expired, has been compared already: what
-- came before is that page itself. Those after it are compared with all that the run has brought.
--
-- Called before the parts move. Locks nothing.
create or replace function ampsync_private.check_sorted(
  p_stream ampsync_private.stream,
  p_source jsonb,
  p_parts  jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_range   jsonb := p_source -> 'range';
  v_slack   numeric := (v_range ->> 'lookback_us')::numeric
                       + 2 * ampsync_private.range_granule(v_range ->> 'format');
  v_dataset ampsync_private.dataset;
  v_pages   record;
  v_page    record;
  v_part    bigint;
  v_high    numeric; -- Of the pages before, in this run.
begin
  select d.* into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_stream.dataset_id;
  select * into strict v_pages
    from ampsync_private.page_lists(p_stream, p_parts);
  for v_page in
    execute format(
      'select v.part, v.number, v.again, min(v.value) as least, max(v.value) as greatest, '
      '(select p.run_high from ampsync_private.part p where p.stream_id = $5 and p.part_no = v.part) as high '
      'from (select ($2)[b.n] as part, ($3)[b.n] as number, ($4)[b.n] as again, '
      '%s as value '
      'from %s p cross join lateral (select width_bucket(p.n, $1) as n, '
      'ampsync_private.read_record(p.record) as r offset 0) b) v '
      'where v.value <= coalesce($6, v.value) group by 1, 2, 3 order by 1, 2',
      ampsync_private.range_value_text(p_stream.columns, v_range, 'b.r'),
      ampsync_private.staging_table(p_stream.stream_id))
    using v_pages.firsts, v_pages.parts, v_pages.numbers, v_pages.again, p_stream.stream_id,
          ampsync_private.mark_limit(v_range, ampsync_private.now())
  loop
    v_high := case when v_page.part = v_part then v_high else v_page.high end;
    v_part := v_page.part;
    if not v_page.again and v_page.least < v_high - v_slack then
      raise exception using
        errcode = 'SY307',
        message = format('records of %s are not in the order of %s: page %s has one that lies below those before',
                         ampsync_private.stream_label(p_stream.stream_id), v_range ->> 'field', v_page.number),
        detail  = format('It has %s, after %s; nothing of this commit was stored.',
                         ampsync_private.range_text(v_range, v_page.least),
                         ampsync_private.range_text(v_range, v_high)),
        hint    = ampsync_private.restart_statement(v_dataset, jsonb_build_object(
                    'range', v_dataset.definition -> 'range' || '{"sorted": false}'));
    end if;
    v_high := greatest(v_high, v_page.greatest);
  end loop;
end;
$$;

comment on function ampsync_private.check_sorted(ampsync_private.stream, jsonb, jsonb)
  is 'Raise SY307 where records do not come in the order of the range although the definition says so.';
