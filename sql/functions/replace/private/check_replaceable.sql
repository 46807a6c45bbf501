-- Rejects the replacement of a target by a table with other columns if anything that hangs on it
-- would be lost. Asked before the long load, and again at the swap.
--
-- p_columns        user columns of the new table: jsonb array of {"name", "type"}, "type" as
--                  format_type() writes it
-- p_made           user columns that ampsync made in the old table, in the same form. Others in
--                  it were added by somebody: unless the new table has them, their values would
--                  be lost
-- p_has_block_num  the new table has `_block_num`
-- p_identity       of both tables
create or replace function ampsync_private.check_replaceable(
  p_old           regclass,
  p_columns       jsonb,
  p_made          jsonb default '[]',
  p_has_block_num boolean default true,
  p_identity      text default 'content'
)
  returns void
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_columns jsonb := case p_identity
                       when 'content' then '[{"name": "_id", "type": "bytea"}]'::jsonb
                       else '[{"name": "_tx_id", "type": "bigint"}, {"name": "_row_index", "type": "integer"}]' end
                     || jsonb_build_array('{"name": "_block_num_start", "type": "bigint"}'::jsonb,
                                          '{"name": "_block_num_end", "type": "bigint"}'::jsonb)
                     || case when p_has_block_num then '[{"name": "_block_num", "type": "bigint"}]'::jsonb
                             else '[]' end
                     || p_columns;
begin
  perform ampsync_private.refuse_obstacles(p_old, v_columns, array(
    select f.name
      from ampsync_private.column_fate(p_old, v_columns) f
     where f.gone
       and f.name <> '_block_num'
       and f.name not in (select (m.value ->> 'name')::name from jsonb_array_elements(p_made) m)));
end;
$$;

comment on function ampsync_private.check_replaceable(regclass, jsonb, jsonb, boolean, text)
  is 'Raise SY201 if anything that hangs on a target would be lost with a table with other columns in its place.';
