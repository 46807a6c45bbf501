-- Of two objects of numbers the greater number of each key: {"0": 5} and {"0": 7, "1": 2} are
-- {"0": 7, "1": 2}.
create or replace function ampsync_private.greatest_of(
  p_numbers jsonb,
  p_more    jsonb
)
  returns jsonb
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_more is null or p_numbers = '{}' then
    return coalesce(p_more, p_numbers);
  end if;
  return (select jsonb_object_agg(m.key, m.number)
            from (select e.key, max(e.value::numeric) as number
                    from (select * from jsonb_each_text(p_numbers) union all select * from jsonb_each_text(p_more)) e
                   group by 1) m);
end;
$$;

comment on function ampsync_private.greatest_of(jsonb, jsonb)
  is 'Of two objects of numbers the greater number of each key.';
