-- The statement that brings records from staging into the target of an HTTP source. It returns one
-- row: how many of them are new (inserted); and by part, as {"<part>": n}, the greatest value that the
-- field of the range has (high), null without a range. Where only the rows that it writes are to be counted, it
-- can be a plain INSERT, which returns nothing: that takes a tenth less. It can notice fields that no column
-- reads (watch_text).
--
-- Of a key there is one record: the first that came, or with `replace` the last, or the newest. Those
-- that the WHERE of DO UPDATE would leave alone are taken out before, because DO UPDATE locks, and so
-- writes, even those. Only columns that are mapped are compared and written.
--
-- Its parameters: $1, $2  the records from $1 on, and below $2
--                 $3, $4  the first and last place (ctid) that they may have
--
-- p_lists   SQL of: each page with records, its first record; and its part; fields that are known; for each
--           page with records, whether its fields are looked at, null: all are
-- p_watch   whether fields that no column reads are noticed
-- p_nulled  {"<column>": numbers of records}: the column becomes NULL in these records, null: in all, whatever they
--           have for it
-- p_plain   whether it is a plain INSERT: only without a range, and where records of a known key are ignored. As
--           long as no record came twice it has no ON CONFLICT, which takes a quarter more: it fails where one does.
-- p_only    SQL of a condition: only such records of staging, p, and no others of the range
create or replace function ampsync_private.upsert_text(
  p_stream  ampsync_private.stream,
  p_source  jsonb,
  p_staging regclass,
  p_lists   text[],
  p_watch   boolean,
  p_nulled  jsonb default '{}',
  p_plain   boolean default false,
  p_only    text default null
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key     text[] := ampsync_private.source_key(p_source);
  v_high    text := ampsync_private.high_text(p_stream.columns, p_source -> 'range', p_lists, p_nulled <> '{}');
  v_names   text[]; -- All columns that are written.
  v_others  text[]; -- Those that are not of the key.
  v_values  text; -- What they are made from.
  v_order   text := 'n'; -- A name that no column has: the number of a record.
  v_records text; -- SQL of the records, s, in FROM.
  v_with    text := 'with w as (';
  v_insert  text;
begin
  select array_agg(c.name order by c.n), string_agg(format('%s as %I', c.value, c.name), E',\n  ' order by c.n),
         coalesce(array_agg(c.name order by c.n) filter (where c.name <> all (v_key)), '{}')
    into strict v_names, v_values, v_others
    from (select e.value ->> 'name' as name, e.ordinality as n,
                 case jsonb_typeof(p_nulled -> (e.value ->> 'name'))
                   when 'null' then format('null::%s', e.value ->> 'type')
                   when 'array'
                   then format('case when s.n <> all (%L::integer[]) then %s end',
                               array(select jsonb_array_elements_text(p_nulled -> (e.value ->> 'name'))),
                               ampsync_private.column_value(e.value, 's.r'))
                   else ampsync_private.column_value(e.value, 's.r') end as value
            from jsonb_array_elements(p_stream.columns) with ordinality e
           union all
          select '_id', 0, 'substr(sha256(convert_to(s.r::text, ''UTF8'')), 1, 16)'
           where p_source ->> 'key' = 'content') c;

  while v_order = any (v_names) loop
    v_order := v_order || '_';
  end loop;

  -- OFFSET 0 keeps the planner from parsing a record once for each column.
  v_records := format(E'(select p.n, p.record::jsonb as r\n   from (select * from %s p\n'
                      '          where p.n >= $1 and p.n < $2 and p.ctid >= $3 and p.ctid <= $4%s\n'
                      '          order by p.n offset 0) p offset 0) s', p_staging, ' and ' || p_only);
  if v_high is not null then
    v_with := format(E'with s as (select * from %s),\nw as (', v_records);
    v_records := 's';
  end if;
  v_records := concat(v_records, case when p_watch
                                      then format(E'\n where %s', ampsync_private.watch_text(
                                                    p_lists, p_source ->> 'schema' = 'freeze')) end);
  v_insert := format(E'insert into %s as t (%s)\n', p_stream.target, ampsync_private.name_list(v_names));

  if v_key = '{}' or v_others = '{}' or p_source ->> 'on_conflict' = 'ignore' then
    v_insert := v_insert || format(E'select %s from %s%s', v_values, v_records,
                                   case when v_key <> '{}' and not (p_plain and p_stream.duplicates = 0)
                                        then format(E'\non conflict (%s) do nothing',
                                                    ampsync_private.name_list(v_key)) end);
    if p_plain then
      return v_insert;
    end if;
    v_insert := v_insert || ' returning true as is_new';
  else
    v_insert := v_insert || format(
      E'select e.* from (select distinct on (%1$s) %2$s from (select s.n as %11$I, %3$s from %12$s) d\n'
      '                 order by %1$s, %4$sd.%11$I desc) e\n'
      ' where not exists (select from %5$s t where %6$s and (%7$s) is not true)\n'
      'on conflict (%8$s) do update set %9$s where %10$s returning t.xmax = 0 as is_new',
      ampsync_private.name_list(v_key, 'd'),
      ampsync_private.name_list(v_names, 'd'),
      v_values,
      case when p_source -> 'on_conflict' ? 'newest'
           then format('d.%I desc nulls last, ', p_source -> 'on_conflict' ->> 'newest') end,
      p_stream.target,
      (select string_agg(format('t.%1$I = e.%1$I', k.name), ' and ') from unnest(v_key) k(name)),
      ampsync_private.change_text(p_source, v_others, 'e'),
      ampsync_private.name_list(v_key),
      (select string_agg(format('%1$I = excluded.%1$I', o.name), ', ') from unnest(v_others) o(name)),
      ampsync_private.change_text(p_source, v_others, 'excluded'),
      v_order,
      v_records);
  end if;
  return format(E'%s%s)\nselect (select count(*) from w where w.is_new) as inserted,\n  %s as high',
                v_with, v_insert, coalesce(v_high, 'null::jsonb'));
end;
$$;

comment on function ampsync_private.upsert_text(ampsync_private.stream, jsonb, regclass, text[], boolean, jsonb,
                                                boolean, text)
  is 'The statement that brings records from staging into the target of an HTTP source.';
