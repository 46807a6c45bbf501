-- The fields of the records in staging that no column reads, with the type of the column that each would
-- become: {"<field>": "<type>"}. Records that are no JSON have none.
create or replace function ampsync_private.new_fields(
  p_stream  ampsync_private.stream,
  p_staging regclass
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_query  constant text :=
    'select jsonb_object_agg(f.name, case when cardinality(f.types) > 1 then ''jsonb'' '
    'when f.types = ''{string}'' then ''text'' when f.types = ''{number}'' then ''numeric'' '
    'when f.types = ''{boolean}'' then ''boolean'' else ''jsonb'' end) '
    'from (select e.key as name, array_agg(distinct jsonb_typeof(e.value)) as types '
    'from (select case when jsonb_typeof(s.r) = ''object'' then s.r - $1 else ''{}'' end as rest '
    'from (select %s as r from %s p offset 0) s offset 0) r '
    'cross join lateral jsonb_each(r.rest) e where r.rest <> ''{}'' and e.value <> ''null'' group by 1) f';
  v_fields jsonb;
begin
  begin
    execute format(v_query, 'p.record::jsonb', p_staging) into v_fields using ampsync_private.known_fields(p_stream);
  exception
    when others then
      if not ampsync_private.is_refusal(sqlstate) then
        raise;
      end if;
      execute format(v_query, 'ampsync_private.read_record(p.record)', p_staging) into v_fields
        using ampsync_private.known_fields(p_stream);
  end;
  return coalesce(v_fields, '{}');
end;
$$;

comment on function ampsync_private.new_fields(ampsync_private.stream, regclass)
  is 'The fields of the records in staging that no column reads, with their types.';
