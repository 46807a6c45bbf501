-- What becomes of the form of a table above a position, newest first: entries of the log with the columns that each
-- added. followed: clients come over it by statements.
create or replace function ampsync_private.forms_to_come(
  p_published_id integer,
  p_after        bigint
)
  returns table ("position" bigint, followed boolean, added text[])
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select t.position,
         coalesce(starts_with(t.details ->> 'migration', 'found_') and not t.details ? 'renamed', false),
         array(select jsonb_array_elements_text(s.touches -> 'columns')
                 from ampsync.client_migration m
                cross join jsonb_array_elements_text(m.upqueries) with ordinality q(statement, n)
                 join ampsync_private.migration_statement s on s.migration = m.migrationname
                                                           and s.direction = 'up'
                                                           and s.n = q.n - 1
                where m.migrationname = t.details ->> 'migration'
                  and q.statement like '% add column if not exists %')
    from ampsync_private.change_tx t
   where t.position > p_after
     and t.kind = 'schema'
     and t.details -> 'tables' @> to_jsonb(p_published_id)
   order by t.position desc;
$$;

comment on function ampsync_private.forms_to_come(integer, bigint)
  is 'What becomes of the form of a table above a position.';
