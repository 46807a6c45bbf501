-- The part of upsert_text that finds the greatest value of the range's field, by part; null without a
-- range. A field that a column reads (range_column) is read as that column is: it is bad there if it cannot be read,
-- and a call of range_value takes as long as the rest of the record.
--
-- p_lists: see upsert_text
-- p_calls: use range_value, for records with bad values
create or replace function ampsync_private.high_text(
  p_columns jsonb,
  p_range   jsonb,
  p_lists   text[],
  p_calls   boolean
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_column jsonb;
  v_high   text;
begin
  if p_range ->> 'field' is null then
    return null;
  end if;
  v_column := case when not p_calls then ampsync_private.range_column(p_columns, p_range) end;

  v_high := case when v_column is null
                 then format('max(%s)', ampsync_private.range_value_text(p_columns, p_range, 's.r'))
                 when p_range ->> 'format' <> 'integer'
                 then format('trunc(extract(epoch from max(%s)) * 1000000)',
                             ampsync_private.column_value(v_column, 's.r'))
                 else format('max(%s)', ampsync_private.column_value(v_column, 's.r')) end;
  return format(E'(select jsonb_object_agg(h.part, h.high)\n'
                '     from (select (%s)[width_bucket(s.n, %s)] as part, %s as high from s group by 1) h\n'
                '    where h.high is not null)', p_lists[2], p_lists[1], v_high);
end;
$$;

comment on function ampsync_private.high_text(jsonb, jsonb, text[], boolean)
  is 'The part of upsert_text that finds the greatest value of the range''s field.';
