-- Refuses a definition whose `columns` cannot be columns of a table, or are more than 1,000.
create or replace function ampsync_private.check_columns(
  p_dataset text,
  p_source  jsonb
)
  returns void
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_types constant text[] := '{text,smallint,integer,bigint,numeric,"double precision",date,boolean,uuid,bytea,jsonb,'
                             'timestamptz}';
  v_taken constant text[] := '{ctid,xmin,xmax,cmin,cmax,tableoid}'::text[]
                             || case when not p_source ? 'key' then '{_row}'::text[]
                                     when p_source ->> 'key' = 'content' then '{_id}' end;
  v_name  text;
  v_value jsonb;
  v_type  text;
  v_at    text[];
begin
  perform ampsync_private.check_value(p_dataset, p_source, '{columns}', 'object');
  if p_source -> 'columns' = '{}'
     or (select count(*) from jsonb_object_keys(p_source -> 'columns')) > 1000 then
    perform ampsync_private.raise_source(
      p_dataset, '{columns}', 'are not 1 to 1,000 columns',
      format('Found: %s. What needs no column of its own can be part of one of type jsonb.',
             (select count(*) from jsonb_object_keys(p_source -> 'columns'))),
      p_source || '{"columns": null}');
  end if;

  for v_name, v_value in
    select c.key, c.value from jsonb_each(p_source -> 'columns') c
  loop
    v_at := array['columns', v_name];
    if octet_length(v_name) not between 1 and 63 or v_name = any (v_taken) then
      perform ampsync_private.raise_source(
        p_dataset, array['columns', left(v_name, 200)], 'cannot be the name of a column',
        case when v_name = any (v_taken) then format('These are taken: %s.', array_to_string(v_taken, ', '))
             else format('It has %s bytes; a name has 1 to 63.', octet_length(v_name)) end,
        jsonb_set(p_source #- v_at,
                  array['columns', coalesce(nullif(rtrim(left('c_' || v_name, 60)), 'c_'), 'c')],
                  case jsonb_typeof(v_value)
                    when 'object' then jsonb_build_object('from', ampsync_private.pointer_to(array[v_name])) || v_value
                    else jsonb_build_object('from', ampsync_private.pointer_to(array[v_name]), 'type', v_value) end));
    end if;

    if jsonb_typeof(v_value) <> 'string' then
      perform ampsync_private.check_value(p_dataset, p_source, v_at, 'object', '"text"');
      perform ampsync_private.check_members(p_dataset, p_source, v_at, '{from,type,unit,not_null}');
      perform ampsync_private.check_value(p_dataset, p_source, v_at || '{from}', 'pointer');
      perform ampsync_private.check_value(p_dataset, p_source, v_at || '{not_null}', 'boolean');
      v_at := v_at || '{type}';
    end if;
    perform ampsync_private.check_choice(p_dataset, p_source, v_at, v_types);

    v_type := coalesce(p_source #>> v_at, 'text');
    v_at := array['columns', v_name, 'unit'];
    if v_type = 'bytea' and jsonb_typeof(v_value) = 'string' then
      perform ampsync_private.raise_source(
        p_dataset, v_at, 'is missing', 'A column of type bytea comes from hex or base64.',
        jsonb_set(p_source, array['columns', v_name], '{"type": "bytea", "unit": "hex"}'));
    elsif v_type = 'bytea' then
      perform ampsync_private.check_choice(p_dataset, p_source, v_at, '{hex,base64}', true);
    elsif v_type = 'timestamptz' then
      perform ampsync_private.check_choice(p_dataset, p_source, v_at, '{s,ms,us,ns}');
    elsif p_source #> v_at is not null then
      perform ampsync_private.raise_source(
        p_dataset, v_at, format('is not for a column of type %s', v_type),
        'Columns of type timestamptz and bytea have units.', p_source #- v_at);
    end if;
  end loop;
end;
$$;

comment on function ampsync_private.check_columns(text, jsonb)
  is 'Raise SY004 if the columns of a definition cannot be columns of a table.';
