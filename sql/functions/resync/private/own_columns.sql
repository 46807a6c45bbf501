-- The columns of a stream's table that ampsync writes, as a list for SQL: ours first, then
-- those of the dataset. Columns that a user added are not among them.
create or replace function ampsync_private.own_columns(
  p_stream ampsync_private.stream
)
  returns text
  language sql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select '_id, _block_num_start, _block_num_end' || case when p_stream.has_block_num then ', _block_num' else '' end
         || coalesce(string_agg(format(', %I', c.value ->> 'name'), '' order by c.ordinality), '')
    from jsonb_array_elements(p_stream.columns) with ordinality c;
$$;

comment on function ampsync_private.own_columns(ampsync_private.stream)
  is 'The columns that ampsync writes to a stream''s table, as a list for SQL.';
