-- The columns that the target of an HTTP source is written by: those of its definition, then those that
-- were added because records have them. Their types are what the table has, for a user may alter
-- them. One that the table does not have yet has "is_new".
--
-- SY201 where a column or the key is gone, or a type has become one that no JSON value becomes.
create or replace function ampsync_private.fit_columns(
  p_stream ampsync_private.stream,
  p_source jsonb
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key     text[] := ampsync_private.source_key(p_source);
  v_columns jsonb := '[]';
  v_column  record;
  v_fault   text;
  v_remedy  text;
begin
  for v_column in
    select c.value, a.attname is null as is_missing, format_type(a.atttypid, a.atttypmod) as found,
           ampsync_private.source_type(format_type(a.atttypid, a.atttypmod)) as type,
           p_stream.columns @> jsonb_build_array(jsonb_build_object('name', c.value -> 'name')) as is_ours
      from (select d.value, d.ordinality as n
              from jsonb_array_elements(p_source -> 'columns') with ordinality d
             union all
            select e.value, 10000 + e.ordinality
              from jsonb_array_elements(p_stream.columns) with ordinality e
             where e.value ? 'added'
               and not p_source -> 'columns' @> jsonb_build_array(jsonb_build_object('name', e.value -> 'name'))) c
      left join pg_attribute a
             on a.attrelid = p_stream.target and a.attname = c.value ->> 'name' and not a.attisdropped
     order by c.n
  loop
    if v_column.is_missing and v_column.is_ours then
      v_fault := format('its column %I is gone', v_column.value ->> 'name');
      v_remedy := format('alter table %s add column %I %s; ', p_stream.target, v_column.value ->> 'name',
                         v_column.value ->> 'type');
    elsif not v_column.is_missing
          and (v_column.type is null or v_column.type = 'bytea' and v_column.value ->> 'unit' is null) then
      v_fault := format('its column %I is %s', v_column.value ->> 'name', v_column.found);
      v_remedy := format('alter table %s alter column %I type %s; ', p_stream.target, v_column.value ->> 'name',
                         v_column.value ->> 'type');
    end if;
    v_columns := v_columns || (v_column.value || jsonb_build_object('type', coalesce(v_column.type,
                                                                                   v_column.value ->> 'type'))
                               || case when v_column.is_missing then '{"is_new": true}' else '{}' end::jsonb);
  end loop;
  if v_fault is null and v_key <> '{}' and not ampsync_private.has_key(p_stream.target, v_key) then
    v_fault := format('its key (%s) is gone', ampsync_private.name_list(v_key));
    v_remedy := format('alter table %s add primary key (%s); ', p_stream.target, ampsync_private.name_list(v_key));
  end if;

  if v_fault is not null then
    raise exception using
      errcode = 'SY201',
      message = format('target table %s does not fit the definition of %s: %s', p_stream.target,
                       ampsync_private.stream_label(p_stream.stream_id), v_fault),
      detail  = 'Nothing was written.',
      hint    = format('%sselect ampsync.resume_sync(%L);', v_remedy,
                       ampsync_private.stream_label(p_stream.stream_id));
  end if;
  return v_columns;
end;
$$;

comment on function ampsync_private.fit_columns(ampsync_private.stream, jsonb)
  is 'The columns that the target of an HTTP source is written by; SY201 where it does not fit.';
