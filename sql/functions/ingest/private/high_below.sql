-- The greatest values of the range's field, by part, as insert_records returns them, of those records of a commit
-- alone that are not above a limit. For the rare commit with one that is.
--
-- p_parts     see commit_pages
-- p_rejected  see insert_records. They are no mark either; a record of another part with the number of one of
--             them is left out as well, by which the mark is too low, never too high
create or replace function ampsync_private.high_below(
  p_stream   ampsync_private.stream,
  p_range    jsonb,
  p_parts    jsonb,
  p_rejected jsonb[],
  p_limit    numeric
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pages record;
  v_high  jsonb;
begin
  select * into strict v_pages
    from ampsync_private.page_lists(p_stream, p_parts);
  execute format(
    'select jsonb_object_agg(h.part, h.high) '
    'from (select ($2)[b.n] as part, max(v.value) as high '
    'from %s p cross join lateral (select width_bucket(p.n, $1) as n, '
    'ampsync_private.read_record(p.record) as r offset 0) b '
    'cross join lateral (select %s as value offset 0) v '
    'where v.value <= $4 and ($3)[b.n] || '':'' || p.n - ($1)[b.n] <> all ($5) group by 1) h',
    ampsync_private.staging_table(p_stream.stream_id),
    ampsync_private.range_value_text(p_stream.columns, p_range, 'b.r'))
     into v_high
    using v_pages.firsts, v_pages.parts, v_pages.numbers, p_limit,
          array(select format('%s:%s', r.value ->> 'block', r.value ->> 'row') from unnest(p_rejected) r(value));
  return coalesce(v_high, '{}');
end;
$$;

comment on function ampsync_private.high_below(ampsync_private.stream, jsonb, jsonb, jsonb[], numeric)
  is 'The greatest values of the range''s field that are not above a limit, by part.';
