-- The condition of upsert_text that is true for every record, and notes in the setting
-- ampsync.unknown_fields of the transaction that one has a field which no column reads. Which fields
-- these are is looked for only then: nearly all commits bring none.
--
-- p_lists: see upsert_text
-- p_nulls: whether a field that is null counts
create or replace function ampsync_private.watch_text(
  p_lists text[],
  p_nulls boolean
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rest text := format('s.r - %s', p_lists[3]);
begin
  return format(E'case when jsonb_typeof(s.r) <> ''object''%s then true\n'
                '           when %s = ''{}'' then true\n%s'
                '           else set_config(''ampsync.unknown_fields'', ''on'', true) is not null end',
                case when p_lists[4] is not null
                     then format(' or not (%s)[width_bucket(s.n, %s)]', p_lists[4], p_lists[1]) end,
                v_rest,
                case when not p_nulls
                     then format(E'           when jsonb_strip_nulls(%s) = ''{}'' then true\n', v_rest) end);
end;
$$;

comment on function ampsync_private.watch_text(text[], boolean)
  is 'The condition of upsert_text that notes whether a record has a field which no column reads.';
