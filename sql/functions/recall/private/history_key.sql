-- The key of a row as the log has it: the JSON array of the texts of its key columns, in the order of the table,
-- without blanks. Values are brought into the form in which PostgreSQL shows them, as long as the table is there, by
-- types of PostgreSQL's own alone: no code of the table's owner runs with our rights. SY004 if it names other columns.
--
-- p_key  {"column": value} of each column of the primary key
create or replace function ampsync_private.history_key(
  p_published_id integer,
  p_key          jsonb
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set "TimeZone" = 'UTC'
  set "DateStyle" = 'ISO, MDY'
  set "IntervalStyle" = 'postgres'
  set bytea_output = 'hex'
  set extra_float_digits = 1
as $$
declare
  v_table  ampsync_private.published;
  v_column record;
  v_names  text[] := '{}';
  v_parts  text[] := '{}';
  v_value  text;
begin
  select * into strict v_table
    from ampsync_private.published p
   where p.published_id = p_published_id;

  for v_column in
    select c.value ->> 'name' as name, ampsync_private.trusted_type(a.atttypid, a.atttypmod) as type
      from jsonb_array_elements(v_table.columns) with ordinality c(value, n)
      left join pg_attribute a on a.attrelid = v_table.relation and a.attname = c.value ->> 'name'
                              and not a.attisdropped
     where (c.value -> 'key')::boolean
     order by c.n
  loop
    v_names := v_names || v_column.name;
    v_value := p_key ->> v_column.name;
    if v_value is not null and v_column.type is not null then
      execute format('select concat(($1)::%s)', v_column.type) into v_value using v_value;
    end if;
    v_parts := v_parts || to_json(v_value)::text;
  end loop;

  if jsonb_typeof(p_key) is distinct from 'object'
     or exists (select from jsonb_object_keys(p_key) k(name) where k.name <> all (v_names))
     or exists (select from unnest(v_names) n(name) where p_key ->> n.name is null) then
    raise exception using
      errcode = 'SY004',
      message = 'a key is a JSON object with the columns of the primary key',
      detail  = format('Given was %s; the primary key is (%s).', coalesce(p_key::text, 'null'),
                       array_to_string(v_names, ', ')),
      hint    = format('select * from ampsync.row_history(%L, %L);',
                       format('%I.%I', v_table.schema_name, v_table.table_name),
                       (select jsonb_object_agg(n.name, '…') from unnest(v_names) n(name)));
  end if;
  return '[' || array_to_string(v_parts, ',') || ']';
end;
$$;

comment on function ampsync_private.history_key(integer, jsonb)
  is 'The key of a row as the log has it, from a JSON object.';
