-- Locks the captured tables whose rows in `published` these transactions may change, before any entry is written: with
-- the log lock in hand nobody waits for them.
--
-- p_transactions  as for commit_capture
-- Errors: 55P03 where somebody, such as a user within an open publish, has one of them for 300 ms.
--
-- Locks: rows of `published`, in their order.
create or replace function ampsync_private.hold_forms(
  p_transactions jsonb
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
begin
  perform 1
     from ampsync_private.published p
    where p.mode = 'rows'
      and p.state in ('live', 'failed')
      and (exists (select 1
                     from jsonb_array_elements(p_transactions) t(tx)
                    cross join jsonb_array_elements(t.tx -> 'messages') m(message)
                    where m.message ->> 'prefix' = 'ampsync/migration'
                       or m.message ->> 'prefix' = 'ampsync/schema'
                          and (m.message ->> 'content' = p.seen ->> 'token'
                               or p.seen -> 'void' ? (m.message ->> 'content')))
           or exists (select 1
                        from jsonb_array_elements(p_transactions) t(tx)
                       cross join jsonb_array_elements(t.tx -> 'relations') r(relation)
                       where case when r.relation ->> 'relation' = p.relation::oid::text
                                  then not ampsync_private.is_as_noted(p, r.relation)
                                  else p.storage -> 'leaves' -> (p.relation::oid::text) ->> 'file' = '0'
                                       and not exists (select 1
                                                         from ampsync_private.published o
                                                        where o.relation::oid::text = r.relation ->> 'relation') end))
    order by p.published_id
      for no key update of p;
end;
$$;

comment on function ampsync_private.hold_forms(jsonb)
  is 'Lock the captured tables that these transactions may change, before the log lock.';
