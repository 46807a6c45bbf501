-- What a shape was made of (column_uses), where its columns have the names and types that they had, but other numbers,
-- since the database is another one: a restored dump. Null else.
create or replace function ampsync_private.renumbered_uses(
  p_shape ampsync_private.shape,
  p_table ampsync_private.published
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_uses jsonb := ampsync_private.column_uses(p_table.columns, array(select jsonb_object_keys(p_shape.uses)));
begin
  if v_uses = p_shape.uses
     or not exists (select
                      from ampsync_private.log_epoch e
                     where e.forked_at >= p_shape.made_at
                       and e.reason in ('this is another cluster', 'this is another database')) then
    return null;
  end if;
  return case
    when (select jsonb_object_agg(n.name, n.use - '{type,attnum}'::text[]) from jsonb_each(v_uses) n(name, use))
         = (select jsonb_object_agg(w.name, w.use - '{type,attnum}'::text[])
              from jsonb_each(p_shape.uses) w(name, use)) then v_uses end;
end;
$$;

comment on function ampsync_private.renumbered_uses(ampsync_private.shape, ampsync_private.published)
  is 'What a shape was made of, where a restored dump gave its types other numbers.';
