-- SQL for the columns of a table that a shape looks at, as they are in a row of the log: a list for SELECT, and what it
-- reads from.
--
-- p_row  an expression: the row as the log has it, a jsonb object of texts
-- p_missing  {column: what rows have in it that are older than it}
--
-- Texts become values by the input functions of types, never by casts that owners of types made. A domain is its base
-- type.
create or replace function ampsync_private.row_values_sql(
  p_uses    jsonb,
  p_missing jsonb,
  p_row     text
)
  returns text
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with used as (
      select u.name, format_type(b.type, case when b.type = (u.was ->> 'type')::oid then (u.was ->> 'typmod')::integer
                                         end) as type,
             t.typnamespace = 'pg_catalog'::regnamespace as is_own,
             format(case when p_missing ->> u.name is null then '%1$s ->> %2$L'
                         else 'case when %1$s ? %2$L then %1$s ->> %2$L else %3$L end' end,
                    p_row, u.name, p_missing ->> u.name) as value
        from jsonb_each(p_uses) u(name, was)
       cross join lateral ampsync_private.base_type((u.was ->> 'type')::oid) b(type)
        join pg_type t on t.oid = b.type
    )
    select format('select %s%s',
                  coalesce(string_agg(format(case when u.is_own then '(%1$s)::%2$s as %3$I' else 'e.%3$I' end,
                                             u.value, u.type, u.name), ', '), 'true as nothing'),
                  ' from jsonb_to_record(jsonb_build_object('
                  || string_agg(format('%L, %s', u.name, u.value), ', ') filter (where not u.is_own)
                  || ')) e(' || string_agg(format('%I %s', u.name, u.type), ', ') filter (where not u.is_own) || ')')
      from used u);
end;
$$;

comment on function ampsync_private.row_values_sql(jsonb, jsonb, text)
  is 'SQL for the columns that a shape looks at, as they are in a row of the log.';
