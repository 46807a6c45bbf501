-- The condition under which a record replaces the row of its key, t: it is no older, where the newest
-- counts, and differs in one of the columns. At equal times the later arrival wins.
--
-- p_other: the alias of the record
create or replace function ampsync_private.change_text(
  p_source  jsonb,
  p_columns text[],
  p_other   text
)
  returns text
  language plpgsql
  immutable
  parallel safe
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_newest text := p_source -> 'on_conflict' ->> 'newest';
begin
  return concat(case when v_newest is not null
                     then format('(t.%1$I <= %2$s.%1$I or t.%1$I is null) and ', v_newest, p_other) end,
                format('(%s) is distinct from (%s)', ampsync_private.name_list(p_columns, 't'),
                       ampsync_private.name_list(p_columns, p_other)));
end;
$$;

comment on function ampsync_private.change_text(jsonb, text[], text)
  is 'The condition under which a record replaces the row of its key.';
