-- An authored migration stands here in the log, in the transaction of its DDL. Captured tables that are other than
-- noted by that transaction alone are its result, and the next Relation of each, or the next look, is accepted as
-- that, without an entry of its own. Where somebody changed a table before or after it, that is found as if there
-- were none.
--
-- p_tables  as migrated_tables read them, before the log lock: nothing is read of the catalogue here
-- p_xid     that transaction, as WAL names it: 32 bits
--
-- Locks: rows of `published` that differ.
create or replace function ampsync_private.note_migration(
  p_version text,
  p_xid     text,
  p_tables  jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  update ampsync_private.published p
     set migrating = jsonb_build_object('version', p_version, 'columns', t.value -> 'columns')
    from jsonb_each(p_tables) t
   where p.published_id = t.key::integer
     and p.state = 'live'
     and p.columns <> t.value -> 'columns'
     and not exists (select 1
                       from jsonb_each_text(t.value -> 'attributes') a(attnum, xid)
                      where a.xid is distinct from p.storage -> 'attributes' ->> a.attnum
                        and a.xid <> p_xid);
end;
$$;

comment on function ampsync_private.note_migration(text, text, jsonb)
  is 'An authored migration stands here: tables that differ by it alone are its result.';
