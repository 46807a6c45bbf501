-- The column, as in stream.columns, that reads the field of a range as what the range counts in: a time, or an
-- integer. Where there is one, the field counts everywhere as that column does, whatever the format of the range's
-- parameters: they may name the same time in another unit. Null where there is none.
create or replace function ampsync_private.range_column(
  p_columns jsonb,
  p_range   jsonb
)
  returns jsonb
  language sql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select c.value
    from jsonb_array_elements(p_columns) with ordinality c
   where c.value ->> 'from' = p_range ->> 'field'
     and case when p_range ->> 'format' <> 'integer' then c.value ->> 'type' = 'timestamptz'
              else c.value ->> 'type' in ('smallint', 'integer', 'bigint') end
   order by c.ordinality
   limit 1;
$$;

comment on function ampsync_private.range_column(jsonb, jsonb)
  is 'The column that reads the field of a range as what the range counts in.';
