-- Why a shape gives no rows, as {"code", "message", "detail", "hint"}; null where it does. What its table has become is
-- seen in the snapshot that knows of it, before the supervisor stores it: so no row of another form is judged by a
-- shape that was made for the form before.
--
-- p_columns  of the table; null: as the log has noted them
create or replace function ampsync_private.shape_error(
  p_shape   ampsync_private.shape,
  p_table   ampsync_private.published,
  p_columns jsonb default null
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with col as (
      select c.col, c.col ->> 'name' as name
        from jsonb_array_elements(coalesce(p_columns, p_table.columns)) c(col)
    ), lost as (
      select min(u.name) as name
        from jsonb_each(p_shape.uses) u(name, was)
       where not exists (select
                           from col c
                          where c.name = u.name
                            and c.col ->> 'type' = u.was ->> 'type'
                            and c.col ->> 'typmod' = u.was ->> 'typmod'
                            -- Not another one that came by its name; tables of datasets are replaced as a whole.
                            and (p_table.mode = 'blocks' or coalesce(c.col ->> 'attnum' = u.was ->> 'attnum', true)))
    ), unkept as (
      select min(c.name) as name
        from col c
       where (c.col ->> 'key')::boolean
         and c.name <> all (p_shape.columns)
    )
    select case
      when p_shape.state = 'failed' then p_shape.error
      when p_table.state = 'ended' then jsonb_build_object(
        'code', 'SY401',
        'message', format('the publication of %I.%I has ended', p_table.schema_name, p_table.table_name),
        'detail', 'Clients keep the rows that they have.',
        'hint', format('select ampsync.publish(%L); select ampsync.retry_shape(%L);',
                       format('%I.%I', p_table.schema_name, p_table.table_name), p_shape.name))
      when p_table.state = 'failed' then p_table.error
      when coalesce(l.name, k.name) is not null then jsonb_build_object(
        'code', 'SY413',
        'message', format('the shape %L does not fit its table any more: column %I', p_shape.name,
                          coalesce(l.name, k.name)),
        'detail', case when l.name is null then 'It is in the primary key, and the columns of the shape do not hold it.'
                       else 'It was renamed, dropped, or has another type than as the shape was made.' end,
        'hint', format('select * from ampsync.shapes where name = %L; -- then ampsync.create_shape with columns of now',
                       p_shape.name))
      end
      from lost l, unkept k);
end;
$$;

comment on function ampsync_private.shape_error(ampsync_private.shape, ampsync_private.published, jsonb)
  is 'Why a shape gives no rows, in the snapshot of the caller; null where it does.';
