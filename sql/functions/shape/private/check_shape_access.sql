-- Refuses, with SY413, a shape that would show rows to everybody without saying so.
create or replace function ampsync_private.check_shape_access(
  p_shape ampsync_private.shape,
  p_table ampsync_private.published
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := format('%I.%I', p_table.schema_name, p_table.table_name);
begin
  if p_shape.rls is null or p_shape.rls not in ('check', 'ignore') then
    perform ampsync_private.raise_shape(p_shape.name, format('there is no rls %s', coalesce(quote_literal(p_shape.rls),
                                                                                            'null')),
      'It is ''check'' or ''ignore''.', 'Leave rls out.');
  elsif not coalesce(p_shape.public, false)
        and not exists (select from jsonb_each_text(p_shape.bind) b(name, source) where b.source like 'claim:%') then
    perform ampsync_private.raise_shape(p_shape.name, 'anybody with a token would see it, and it is not public',
      'It binds no claim.', format('select ampsync.create_shape(%L, %L, public => true);', p_shape.name, v_name));
  elsif p_shape.public and p_shape.rls = 'check'
        and exists (select from pg_class c where c.oid = p_table.relation and c.relrowsecurity) then
    perform ampsync_private.raise_shape(p_shape.name, 'it is public, and its table has row level security',
      'Shapes know no policies: it would show rows that these hide.',
      format('select ampsync.create_shape(%L, %L, public => true, rls => ''ignore'');', p_shape.name, v_name));
  end if;
end;
$$;

comment on function ampsync_private.check_shape_access(ampsync_private.shape, ampsync_private.published)
  is 'Refuse a shape that would show rows to everybody without saying so.';
