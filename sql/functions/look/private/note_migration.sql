-- An authored migration stands here in the log, in the transaction of its DDL. Captured tables that are other than
-- noted by that transaction alone are its result, and the next Relation of each, or the next look, is accepted as
-- that, without an entry of its own. Where somebody changed a table before or after it, that is found as if there
-- were none.
--
-- p_xid  that transaction, as WAL names it: 32 bits
--
-- One that somebody else is changing at the moment is not waited for: it is found as if there were no migration.
--
-- Locks: rows of `published` that differ; ACCESS SHARE on tables (published_columns), for 20 ms at most.
create or replace function ampsync_private.note_migration(
  p_version text,
  p_xid     text
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '20ms'
as $$
declare
  v_table   ampsync_private.published;
  v_columns jsonb;
begin
  for v_table in
    select p.*
      from ampsync_private.published p
     where p.mode = 'rows'
       and p.state = 'live'
       and not exists (select 1
                         from jsonb_each_text(
                                ampsync_private.published_storage(p.relation) -> 'attributes') a(attnum, xid)
                        where a.xid is distinct from p.storage -> 'attributes' ->> a.attnum
                          and a.xid <> p_xid)
     order by p.published_id
  loop
    begin
      v_columns := ampsync_private.published_columns(v_table.relation);
    exception
      when lock_not_available then
        continue;
    end;
    update ampsync_private.published p
       set migrating = jsonb_build_object('version', p_version, 'columns', v_columns)
     where p.published_id = v_table.published_id
       and p.columns <> v_columns;
  end loop;
end;
$$;

comment on function ampsync_private.note_migration(text, text)
  is 'An authored migration stands here: tables that differ by it alone are its result.';
