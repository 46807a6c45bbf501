-- Which of these shapes cannot be read, since somebody has locked their table altogether, or waits to do so: every
-- reader stands behind both. [{"shape_id", "table", "pids"}]. Looks at locks and takes none on tables of users.
--
-- pids  of the sessions, those that have the lock first; 0: a prepared transaction
create or replace function ampsync_worker.locked_shapes(
  p_shapes integer[]
)
  returns jsonb
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive locked as (
    select l.relation, coalesce(l.pid, 0) as pid, l.granted
      from pg_locks l
     where l.locktype = 'relation'
       and l.mode = 'AccessExclusiveLock'
       and l.pid is distinct from pg_backend_pid()
       and l.database = (select d.oid from pg_database d where d.datname = current_database())
  ), member as (
    select s.shape_id, p.relation::oid as relation, p.schema_name, p.table_name
      from ampsync_private.shape s
      join ampsync_private.published p using (published_id)
     where s.shape_id = any (p_shapes)
       and p.relation is not null
       and exists (select from locked)
    union
    select m.shape_id, i.inhrelid, m.schema_name, m.table_name
      from member m
      join pg_inherits i on i.inhparent = m.relation
  ), read as (
    select m.* from member m
    union
    select m.shape_id, i.indexrelid, m.schema_name, m.table_name
      from member m
      join pg_index i on i.indrelid = m.relation
    union
    select m.shape_id, c.reltoastrelid, m.schema_name, m.table_name
      from member m
      join pg_class c on c.oid = m.relation
  )
  select coalesce(jsonb_agg(found.entry order by found.shape_id), '[]')
    from (select r.shape_id,
                 jsonb_build_object('shape_id', r.shape_id, 'table', format('%I.%I', r.schema_name, r.table_name),
                                    'pids', jsonb_agg(l.pid order by l.granted desc, l.pid)) as entry
            from read r
            join locked l using (relation)
           group by r.shape_id, r.schema_name, r.table_name) found;
$$;

comment on function ampsync_worker.locked_shapes(integer[])
  is 'Which of these shapes cannot be read, since somebody has locked their table, and who.';
