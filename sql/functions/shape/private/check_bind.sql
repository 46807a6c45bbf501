-- Refuses, with SY413, bindings that a shape cannot have: columns that are not there or whose equal values may have
-- different texts, and values that are neither a claim nor a parameter.
create or replace function ampsync_private.check_bind(
  p_shape   ampsync_private.shape,
  p_columns jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bound record;
begin
  if jsonb_typeof(p_shape.bind) is distinct from 'object' then
    perform ampsync_private.raise_shape(p_shape.name, 'bind is no JSON object',
      'It names columns, and where the value of each comes from.',
      'select ampsync.create_shape(''my_todos'', ''public.todos'', bind => ''{"owner_id": "claim:sub"}'');');
  end if;
  for v_bound in
    select b.name, b.value, jsonb_typeof(b.value) as kind, b.value #>> '{}' as text, c.col,
           ampsync_private.base_type((c.col ->> 'type')::oid) as type
      from jsonb_each(p_shape.bind) b(name, value)
      left join jsonb_array_elements(p_columns) c(col) on c.col ->> 'name' = b.name
     order by b.name
  loop
    if v_bound.col is null or v_bound.col ->> 'generated' is not null then
      perform ampsync_private.raise_shape(p_shape.name, format('it cannot bind the column %I', v_bound.name),
        case when v_bound.col is null then 'The table has no such column.'
             else 'It is generated, and the log does not have it.' end,
        'Bind another column.');
    elsif v_bound.kind <> 'string' or v_bound.text !~ '^(claim:.+|param:[^[]+)$' then
      perform ampsync_private.raise_shape(p_shape.name, format('%s says not where %I comes from', v_bound.value,
                                                               v_bound.name),
        'It is claim:name, claim:name[] for one instance an element, or param:name.',
        format('Bind it as %s, for instance.', jsonb_build_object(v_bound.name, 'claim:sub')));
    elsif not ampsync_private.is_bound_type(v_bound.type) then
      perform ampsync_private.raise_shape(p_shape.name, format('it cannot bind the column %I of type %s', v_bound.name,
                                                               format_type(v_bound.type, null)),
        'Equal values of it may have different texts. Bound columns are boolean, integers, uuid, text, varchar, bytea, '
        'date or an enum.', 'Bind another column.');
    elsif exists (select from pg_attribute a
                    join ampsync_private.published p on p.relation = a.attrelid
                    join pg_collation l on l.oid = a.attcollation
                   where p.published_id = p_shape.published_id and a.attname = v_bound.name
                     and not l.collisdeterministic) then
      perform ampsync_private.raise_shape(p_shape.name, format('it cannot bind the column %I', v_bound.name),
        'By its collation different texts are equal.', 'Bind another column.');
    elsif p_shape.unindexed and v_bound.text like 'param:%' then
      perform ampsync_private.raise_shape(p_shape.name, format('parameters need an index, and it is unindexed: %I',
                                                               v_bound.name),
        'Else whoever asks for ever new values makes the server read the table again and again.',
        'Make the index, and leave unindexed out.');
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_bind(ampsync_private.shape, jsonb)
  is 'Refuse bindings that a shape cannot have.';
